package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/words"
)

// What strangers may write. Each field has a mark of its own in front, so that a test sees where it
// comes out. ran is what any of it would set.
const (
	attack = `"><script>ran=1</script><img src=x onerror=ran=1>'--></title></textarea><svg onload=ran=1> {{.}} ${ran=1} ` + "\u202Egpj.exe\u202C &lt;b&gt; &#60;i&#62;"
	inPath = `"><script>ran=1</script><img/src=x/onerror=ran=1>'{{.}}` + "\u202Egpj.exe\u202C"
)

// mark is what stands in front of the text of a field.
func mark(field string) string { return "zq" + field + "qz" }

// long is a text of 2,000 characters.
func long(field string) string {
	text := mark(field) + " " + attack + " and so on without an end or a space: "
	return text + strings.Repeat("abcdefghij", (2000-len([]rune(text)))/10)
}

// hostileFields are what a platform, a list and colleagues wrote, by field: what must come out as it is.
func hostileFields() map[string]string {
	f := map[string]string{
		"account": mark("account") + attack, "screen": mark("screen") + attack, "url": "https://example.org/" + mark("url") + inPath,
		"file": mark("file") + strings.ReplaceAll(attack, "/", "∕") + ".jpg", "member": mark("member") + attack, "note": mark("note") + attack,
		"profile": "https://example.org/" + mark("profile") + inPath, "email": mark("email") + "<script>ran=1</script>@example.org",
	}
	for _, field := range []string{"context", "words", "question", "advice", "returned", "sentback", "incident"} {
		f[field] = long(field)
	}
	return f
}

// hostileFacts are what a platform says about an upload.
func hostileFacts(h *house) houvast.Upload {
	u, f := h.facts(), hostileFields()
	u.Account.ID, u.ScreenName, u.URL, u.Context = f["account"], f["screen"], f["url"], f["context"]
	return u
}

// polyglot makes a JPEG that is also a page: hostile text in its EXIF data and in a comment, and a page
// behind its end.
func polyglot(jpeg []byte) []byte {
	text := []byte(mark("exif") + attack)
	page := "<!doctype html><html><body><script>ran=1</script><img src=x onerror=ran=1></body></html>"
	tiff := binary.LittleEndian.AppendUint16([]byte("II*\x00\x08\x00\x00\x00"), 3)
	tags := []uint16{0x010e, 0x013b, 0x8298} // ImageDescription, Artist, Copyright: Exif 2.32, 4.6.4
	at := uint32(8 + 2 + 12*len(tags) + 4)
	for _, tag := range tags { // all of them the same text
		tiff = binary.LittleEndian.AppendUint16(tiff, tag)
		tiff = binary.LittleEndian.AppendUint16(tiff, 2)
		tiff = binary.LittleEndian.AppendUint32(tiff, uint32(len(text)+1))
		tiff = binary.LittleEndian.AppendUint32(tiff, at)
	}
	tiff = append(append(append(tiff, 0, 0, 0, 0), text...), 0)
	segment := func(marker byte, body []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
	}
	var b bytes.Buffer
	b.Write(jpeg[:2])
	b.Write(segment(0xe1, append([]byte("Exif\x00\x00"), tiff...)))
	b.Write(segment(0xfe, []byte(page)))
	b.Write(jpeg[2:])
	b.WriteString(page)
	return b.Bytes()
}

// Everything that strangers and colleagues wrote is shown as text on every page on which it comes out:
// nothing of it runs, becomes an element or an attribute, or asks for anything.
func TestBrowserHostile(t *testing.T) {
	storetest.Count(store.SQLite)
	h := openHouse(t, freshConfig(t, store.SQLite))
	st := furnish(h, true)
	tab := browsertest.Start(t).Tab(t, browsertest.Options{})
	seen, pages, exif := map[string][]string{}, 0, 0
	for _, sc := range append(st.pages(), st.special()...) {
		sc.open(tab)
		pages++
		for _, wrong := range ranOn(tab) {
			t.Errorf("%s: %s", sc.name, wrong)
		}
		source, text := tab.HTML(), browsertest.Eval[string](tab, "document.documentElement.textContent + '\\n' + [...document.querySelectorAll('input, textarea')].map(e => e.value).join('\\n')")
		if strings.Contains(source, mark("exif")) {
			exif++ // whatever it becomes there is judged by ranOn
		}
		for field, wrote := range hostileFields() {
			if !strings.Contains(source, mark(field)) {
				continue
			}
			if !strings.Contains(text, wrote) && !strings.Contains(text, inXML(wrote)) {
				t.Errorf("%s: %s is not shown as it was written", sc.name, field)
			}
			seen[field] = append(seen[field], sc.name)
		}
	}
	for field := range hostileFields() {
		if len(seen[field]) == 0 {
			t.Errorf("%s comes out on no page, so nothing is known about it", field)
		}
	}
	t.Logf("%d pages, %d fields of hostile text that come out on %d of them, what is in the EXIF data on %d: executed 0 times", pages, len(hostileFields()), len(union(seen)), exif)
	plantedRuns(t, tab)
	if pages == 0 {
		t.Fatal("no page was seen")
	}
}

// inXML is a text as a document that was sent has it, letter for letter.
func inXML(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text))
	return b.String()
}

func union(m map[string][]string) (all []string) {
	for _, names := range m {
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ours are the elements that no page of the console has, unless somebody wrote them.
const ours = `[...document.querySelectorAll("script, img, svg, iframe, object, embed, base, link, style, template")].filter(e =>
	!(e.localName === "script" && new URL(e.src || "about:blank", location).pathname.startsWith("/console/static/")) &&
	!(e.localName === "link" && new URL(e.href, location).pathname.startsWith("/console/static/"))).map(e => e.outerHTML.slice(0, 100))
	.concat([...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on") || /^\s*javascript:/i.test(a.value) || a.name === "style")).map(e => e.outerHTML.slice(0, 200)))`

// ranOn says what of a stranger's has become more than text on the page of a tab.
func ranOn(tab *browsertest.Tab) (wrong []string) {
	if browsertest.Eval[bool](tab, "'ran' in window") {
		wrong = append(wrong, "a script of a stranger ran")
	}
	for _, e := range browsertest.Eval[[]string](tab, ours) {
		wrong = append(wrong, "an element that is not ours: "+e)
	}
	return append(wrong, tab.Faults()...)
}

// plantedRuns shows a page that forgets to escape: without the policy what a stranger wrote runs, under
// it the browser complains, and either way it is found.
func plantedRuns(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; report-uri /console/csp-report"
	for name, header := range map[string]string{"without the policy": "", "under the policy": policy} {
		naive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if header != "" {
				w.Header().Set("Content-Security-Policy", header)
			}
			fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>Planted</title><p>%s</p></html>", hostileFields()["screen"])
		}))
		tab.Open(strings.Replace(naive.URL, "127.0.0.1", "localhost", 1))
		wrong := strings.Join(ranOn(tab), "\n")
		naive.Close()
		for _, want := range map[string][]string{"without the policy": {"a script of a stranger ran", "not ours: <script", "not ours: <img"}, "under the policy": {"not ours: <script", "policy"}}[name] {
			if !strings.Contains(wrong, want) {
				t.Errorf("control, a page that does not escape, %s: found %q, and not %q", name, wrong, want)
			}
		}
		if header != "" && strings.Contains(wrong, "ran\n") {
			t.Errorf("control: under the policy it ran: %q", wrong)
		}
	}
}

// A planted page stands in the frame of the console and is wrong in one way.
func plantedSite(t *testing.T, texts *words.Words) *httptest.Server {
	t.Helper()
	var origin string
	pages := fstest.MapFS{}
	for name, main := range map[string]string{
		"planted-axe":      `<h1>Planted</h1><p><input name="x"></p><button></button>`,
		"planted-script":   `<h1>Planted</h1><script>window.planted = 1</script>`,
		"planted-trap":     `<h1>Planted</h1><label>One <input name="one" data-trap></label> <button>Two</button><script src="/console/planted.js"></script>`,
		"planted-key":      `<h1>Planted</h1><p>casework.queue.title</p>`,
		"planted-sentence": `<h1>Planted</h1><p>` + html.EscapeString(texts.Text(words.NL, "casework.queue.empty.say")) + `</p>`,
		"planted-wide":     `<h1>Planted</h1><pre>` + strings.Repeat("wide ", 400) + `</pre><table><tr><td>` + strings.Repeat("wide", 400) + `</td></tr></table>`,
		"planted-error":    `<h1>Planted</h1><script src="/console/planted-error.js"></script>`,
		"planted-none":     `<h1>Planted</h1><p>Nothing is wrong here.</p>`,
	} {
		pages[name+".html"] = &fstest.MapFile{Data: []byte(`{{define "title"}}Planted{{end}}{{define "main"}}` + main + `{{end}}`)}
	}
	s := site.New(site.Site{Words: texts, Profile: func() string { return "practice" }, Origins: func() site.Origins { return site.Origins{Console: origin} }, Log: quiet()})
	s.Pages(pages)
	script := func(path, code string) {
		s.Get("console.public", path, func(p *site.Page) error {
			p.W.Header().Set("Content-Type", "text/javascript")
			_, err := io.WriteString(p.W, code)
			return err
		})
	}
	script("/console/planted.js", `document.querySelector("[data-trap]").addEventListener("keydown", e => { if (e.key === "Tab") e.preventDefault(); });`)
	script("/console/planted-error.js", `console.error("planted"); throw new Error("planted");`)
	s.Post("console.report", "/console/csp-report", func(p *site.Page) error { p.W.WriteHeader(http.StatusNoContent); return nil })
	for name := range pages {
		name := strings.TrimSuffix(name, ".html")
		s.Get("console.public", "/console/"+name, func(p *site.Page) error { return p.Render(name, nil) })
	}
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	server.URL = origin
	return server
}

// A polyglot is what it is taken for: a picture, and a page.
func TestPolyglot(t *testing.T) {
	file := polyglot(draw.JPEG(draw.Picture(draw.Houses, 200, 150, 1), 80))
	if kind := http.DetectContentType(file); kind != "image/jpeg" || !bytes.Contains(file, []byte("<script>ran=1")) || !bytes.Contains(file, []byte("Exif\x00\x00II*\x00")) {
		t.Errorf("it is %s", kind)
	}
}
