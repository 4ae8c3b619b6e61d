package main

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/words"
)

// Every page of the console, from its router, in each language, light and dark, in a house where nothing
// happened yet, in one that is full of hostile and long texts, and when something is wrong: nobody is
// kept out by how it is made, nothing breaks the policy or fails in the browser, nothing has to be
// scrolled sideways, and all of it is in one language.
func TestBrowserPages(t *testing.T) {
	storetest.Count(store.SQLite)
	began := time.Now()
	fresh := freshConfig(t, store.SQLite)
	fresh.Profile, fresh.Jurisdiction = "", ""
	full := furnish(openHouse(t, freshConfig(t, store.SQLite)), true)
	empty := staffed(openHouse(t, freshConfig(t, store.SQLite)))
	all := slices.Concat(firsts(openHouse(t, fresh)), empty.bare(), full.pages(), full.special(), full.errors())
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	prepared := time.Since(began)
	j := &inspector{lines: newLines(texts), pages: map[string]int{}, states: map[string]int{}, judged: map[string]bool{}}
	queue := make(chan scene, len(all))
	for _, sc := range all {
		queue <- sc
	}
	close(queue)
	t.Run("pages", func(t *testing.T) {
		for n := range 2 { // two browsers: in one, a window that comes to the front takes the focus from another
			t.Run(fmt.Sprintf("browser %d", n), func(t *testing.T) {
				t.Parallel()
				v := &visitor{inspector: j, Tab: browsertest.Start(t).Tab(t, browsertest.Options{}), t: t, tell: func(text string) { t.Error(text) }}
				for sc := range queue {
					v.inspect(sc)
				}
			})
		}
	})
	inspected := time.Since(began)
	j.planted(t, plantedSite(t, texts).URL)
	for _, name := range templates() {
		if j.pages[name] == 0 {
			t.Errorf("the page %s was seen in no state", name)
		}
	}
	t.Logf("%d pages of the router and their forms in %d states, as %d templates: %d times judged by axe and %d times the same markup as one of those, %d times for sideways scrolling, %d walks by keyboard; %d faults",
		len(all), len(j.states), len(j.pages), j.axe, j.same, j.widths, j.walks, j.faults)
	t.Logf("states %v; prepared in %v, seen in %v, with what was planted in %v", j.states, prepared.Round(time.Millisecond), inspected.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if len(j.states) != 3 || j.axe+j.same != len(all)*8 || j.widths != len(all)*8 || j.walks < len(all) {
		t.Fatal("not everything was seen")
	}
}

// An inspector counts what was seen, for all browsers.
type inspector struct {
	lines *lines

	mu                               sync.Mutex
	pages, states                    map[string]int
	judged                           map[string]bool // by markup
	axe, same, widths, walks, faults int
}

func (j *inspector) count(n *int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	*n++
}

// A visitor is an inspector in front of one browser.
type visitor struct {
	*inspector
	*browsertest.Tab
	t    *testing.T
	tell func(string) // what is wrong
	seen int
}

func (v *visitor) wrong(sc scene, how, format string, args ...any) {
	v.count(&v.faults)
	v.tell(fmt.Sprintf("%s (%s): %s", sc.name, how, fmt.Sprintf(format, args...)))
}

// inspect looks at one page in every language, light and dark.
func (v *visitor) inspect(sc scene) {
	v.seen++
	walkIn := words.Langs()[v.seen%len(words.Langs())]
	for _, lang := range words.Langs() {
		v.Emulate(browsertest.Options{Lang: string(lang), Width: 1280, Height: 900})
		sc.open(v.Tab)
		v.isPage(sc, lang)
		v.judgeAxe(sc, string(lang)+", light")
		v.Emulate(browsertest.Options{Lang: string(lang), Width: 1280, Height: 900, Dark: true})
		v.judgeAxe(sc, string(lang)+", dark")
		v.judgeWords(sc, lang)
		for _, o := range []browsertest.Options{{Width: 1280, Height: 900, Zoom: 2}, {Width: 360, Height: 800}} {
			o.Lang = string(lang)
			v.Emulate(o)
			v.count(&v.widths)
			if over := v.Overflow(); over > 0 {
				v.wrong(sc, string(lang), "at %d pixels and zoom %v it is %d pixels too wide", o.Width, o.Zoom, over)
			}
		}
		if lang == walkIn {
			v.Emulate(browsertest.Options{Lang: string(lang), Width: 1280, Height: 900})
			v.walk(sc, string(lang))
		}
		for _, f := range v.Faults() {
			v.wrong(sc, string(lang), "%s", f)
		}
	}
	v.mu.Lock()
	v.states[sc.state]++
	v.mu.Unlock()
}

// changing is what differs each time a page is made: the key of a form, and where it leads back to.
var changing = regexp.MustCompile(`name="(once|next)" value="[^"]*"`)

// isPage sees that it is the page that is meant, in the language that was asked for.
func (v *visitor) isPage(sc scene, lang words.Lang) {
	name := v.Attr("body", "data-page")
	v.mu.Lock()
	v.pages[name]++
	v.mu.Unlock()
	if sc.page != "" && name != sc.page {
		v.wrong(sc, string(lang), "it is the page %q, want %q: %s", name, sc.page, v.Text("main"))
	}
	if bad := v.Status() >= 400; bad != (sc.state == "error") && sc.state != "error" {
		v.wrong(sc, string(lang), "it answers %d", v.Status())
	}
	if got := v.Attr("html", "lang"); got != string(lang) {
		v.wrong(sc, string(lang), "it says that it is in %q", got)
	}
	if n := v.Count("h1"); n != 1 {
		v.wrong(sc, string(lang), "it has %d first headings", n)
	}
}

// judgeAxe has axe-core judge the page, unless it has judged the same markup before: pages that say that
// there is no such thing differ only in where they lead back to.
func (v *visitor) judgeAxe(sc scene, how string) {
	markup := fmt.Sprintf("%s %s %x", how, sc.state, sha256.Sum256([]byte(changing.ReplaceAllString(v.HTML(), ""))))
	v.mu.Lock()
	again := v.judged[markup]
	v.judged[markup] = true
	v.mu.Unlock()
	if again {
		v.count(&v.same)
		return
	}
	v.count(&v.axe)
	for _, bad := range v.Axe() {
		v.wrong(sc, how, "%s", bad)
	}
}

func (v *visitor) walk(sc scene, how string) {
	v.count(&v.walks)
	if ok, path := v.KeyboardTrap(); !ok {
		v.wrong(sc, how, "by keyboard: %s", strings.Join(path, "\n\t"))
	}
}

// judgeWords reads everything that a page says of its own, and for people who hear it.
func (v *visitor) judgeWords(sc scene, lang words.Lang) {
	for _, bad := range v.lines.judge(lang, browsertest.Eval[[]string](v.Tab, saidInIt)) {
		v.wrong(sc, string(lang), "%s", bad)
	}
}

// saidInIt is every text of a page, hidden ones too, but for what is marked as another language and what
// people wrote, which stands in bdi, code, pre or a field.
const saidInIt = `(() => {
	const all = [], own = document.documentElement.lang, foreign = e => e.closest("[lang]")?.lang !== own;
	const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
		if (text && !foreign(e) && !e.closest("script, style, bdi, code, pre, textarea, blockquote")) all.push(text);
	}
	for (const name of ["aria-label", "placeholder", "title", "alt", "aria-description", "data-label"])
		for (const e of document.querySelectorAll("[" + name + "]")) if (!foreign(e)) all.push(e.getAttribute(name));
	for (const e of document.querySelectorAll("input[type=submit], input[type=button]")) all.push(e.value);
	return all;
})()`

// lines are all texts of the console, by language.
type lines struct {
	texts    *words.Words
	sections map[string]bool                // first parts of keys
	only     map[string]map[words.Lang]bool // text of at least 12 letters -> the languages that have it
}

func newLines(texts *words.Words) *lines {
	l := &lines{texts, map[string]bool{}, map[string]map[words.Lang]bool{}}
	for _, key := range texts.Keys() {
		first, _, _ := strings.Cut(key, ".")
		l.sections[first] = true
		for _, lang := range words.Langs() {
			m, _ := texts.Lookup(lang, key)
			for _, text := range []string{m.One, m.Other} {
				if len(text) < 12 || strings.Contains(text, "{") {
					continue
				}
				if l.only[text] == nil {
					l.only[text] = map[words.Lang]bool{}
				}
				l.only[text][lang] = true
			}
		}
	}
	return l
}

// dotted is what a key looks like.
var dotted = regexp.MustCompile(`[a-z_]+(\.[a-z_]+)+`)

// judge says what among the texts of a page is a key, or of another language.
func (l *lines) judge(lang words.Lang, said []string) (wrong []string) {
	for _, text := range said {
		for _, token := range dotted.FindAllString(text, -1) {
			first, _, _ := strings.Cut(token, ".")
			if _, known := l.texts.Lookup(words.EN, token); known || l.sections[first] {
				wrong = append(wrong, fmt.Sprintf("%q shows a key", text))
			}
		}
		if in, known := l.only[strings.Join(strings.Fields(text), " ")]; known && !in[lang] {
			wrong = append(wrong, fmt.Sprintf("%q is of another language", text))
		}
		for other, in := range l.only {
			if strings.Contains(other, " ") && len(other) > 24 && !in[lang] && strings.Contains(text, other) {
				wrong = append(wrong, fmt.Sprintf("%q holds %q, which is of another language", text, other))
			}
		}
	}
	return wrong
}

// planted looks at pages of the same frame that are wrong in one way each, and must find that and
// nothing else.
func (j *inspector) planted(t *testing.T, origin string) {
	t.Helper()
	tab, found := browsertest.Start(t).Tab(t, browsertest.Options{}), 0
	for name, want := range map[string]string{
		"planted-none": "", "planted-axe": "button-name", "planted-script": "policy", "planted-trap": "does not let go", "planted-key": "shows a key",
		"planted-sentence": "is of another language", "planted-wide": "pixels too wide", "planted-error": "exception",
	} {
		var said []string
		v := &visitor{inspector: &inspector{lines: j.lines, pages: map[string]int{}, states: map[string]int{}, judged: map[string]bool{}}, Tab: tab, t: t}
		v.tell = func(text string) { said = append(said, text) }
		v.inspect(scene{name: name, page: name, state: "full", origin: origin, path: "/console/" + name})
		all := strings.Join(said, "\n")
		switch {
		case want == "" && all == "":
		case want == "" || !strings.Contains(all, want):
			t.Errorf("control, %s: found %q, want %q", name, all, want)
		default:
			found++
		}
	}
	t.Logf("%d planted faults found: axe, inline script, keyboard trap, key, sentence, width, exception", found)
}
