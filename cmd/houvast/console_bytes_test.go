package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A sniffer finds pictures in answers: by what picture files begin with, wherever it stands, and by any
// 32 bytes that stand in one of the files it knows, in clear or written as text.
type sniffer struct{ known map[[32]byte]bool }

// learn takes in a file.
func (s *sniffer) learn(file []byte) {
	if s.known == nil {
		s.known = make(map[[32]byte]bool, 1<<20)
	}
	for i := 0; i+32 <= len(file); i++ {
		if w := [32]byte(file[i:]); varied(w) {
			s.known[w] = true
		}
	}
}

// varied reports whether bytes are none that any file might have, such as 32 zeros.
func varied(w [32]byte) bool {
	seen, n := [256]bool{}, 0
	for _, b := range w {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n >= 12
}

// beginnings are what picture files of the usual kinds begin with.
var beginnings = regexp.MustCompile(`(?s)\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|ftyp(avif|heic|mif1)|II\*\x00|MM\x00\*`)

// texts are runs in which bytes may be written.
var texts = regexp.MustCompile(`[A-Za-z0-9+/_=-]{43,}`)

// finds says what of a picture is in an answer, "" when nothing is.
func (s *sniffer) finds(body []byte) string {
	if m := beginnings.FindIndex(body); m != nil {
		return fmt.Sprintf("the beginning of a picture at byte %d", m[0])
	}
	if kind := http.DetectContentType(body); strings.HasPrefix(kind, "image/") {
		return "it is " + kind
	}
	if s.holds(body) {
		return "32 bytes of a stored file"
	}
	for _, run := range texts.FindAll(body, -1) {
		if b, err := hex.DecodeString(string(run[:len(run)/2*2])); err == nil && s.holds(b) {
			return "32 bytes of a stored file in hex"
		}
		run = []byte(strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(string(run)))
		for skip := range 4 { // the run may begin with something else
			cut := run[min(skip, len(run)):]
			if b, _ := base64.RawStdEncoding.DecodeString(string(cut[:len(cut)/4*4])); s.holds(b) {
				return "32 bytes of a stored file in base64"
			}
		}
	}
	return ""
}

func (s *sniffer) holds(b []byte) bool {
	for i := 0; i+32 <= len(b); i++ {
		if s.known[[32]byte(b[i:])] {
			return true
		}
	}
	return false
}

// A vault is a house with pictures under review, and everybody who might want one.
type vault struct {
	*house
	sniffer sniffer
	holder  person // has a claim, on:
	claim   houvast.CaseID
	callers []knocker
	ids     map[string]string // of what is in the house, by the folder of a path

	asked int
	kinds map[string]int // of answers
}

// A knocker asks with something in the hand.
type knocker struct {
	name    string
	headers []string
	p       person
	socket  bool // by the control socket
	own     bool // of few, so that they try every method
}

// openVault fills a house: a case claimed, one waiting, one decided with its report, one with a second
// person, one parked.
func openVault(t *testing.T, cfg config.Config) *vault {
	v := &vault{house: openHouse(t, cfg), kinds: map[string]int{}}
	v.stock(30)
	for _, file := range v.known {
		v.sniffer.learn(file)
		r := decode.Render(file, decode.DefaultLimits())
		for _, p := range [][]byte{r.Mosaic.Data, r.Blurred.Data, r.Grey.Data, r.Colour.Data} {
			if len(p) == 0 {
				t.Fatal("a picture of the list cannot be shown")
			}
			v.sniffer.learn(p)
		}
	}
	v.ids = map[string]string{"report": v.filed().String(), "action": v.proposal().String(), "bank": v.familiar, "parked": v.waiting(v.someone(access.Reviewer)).String()}
	second := v.second()
	v.holder = v.someone(access.Reviewer)
	v.claim = v.claimed(v.holder).ID
	v.granted(v.holder, v.claim, review.LevelMosaic) // there is something to guess
	v.ids["case"], v.ids["second"] = v.claim.String(), second.String()
	v.ids["staff"], v.ids["sessions"] = v.someone(access.Admin).id, v.session(v.holder)
	v.bring()

	add := func(name string, p person, own bool) {
		v.callers = append(v.callers, knocker{name: name + ", cookie", headers: []string{"Cookie", "__Host-houvast=" + p.token}, p: p, own: own},
			knocker{name: name + ", bearer", headers: []string{"Authorization", "Bearer " + p.token}, p: p})
	}
	v.callers = append(v.callers, knocker{name: "nobody", own: true}, knocker{name: "command line", socket: true})
	add("reviewer with the claim", v.holder, true)
	for _, role := range access.Roles() {
		add(string(role), v.someone(role), false)
	}
	for _, scope := range access.Scopes() {
		id, key := v.grant("forum", scope)
		v.ids["key"], v.ids["keys"] = id, id
		v.callers = append(v.callers, knocker{name: "key for " + string(scope), headers: []string{"Authorization", "Bearer " + key}})
	}
	return v
}

// judge looks at an answer.
func (v *vault) judge(what string, a reply) {
	v.asked++
	v.kinds[fmt.Sprintf("%d %s", a.status/100*100, strings.Split(a.header.Get("Content-Type"), ";")[0])]++
	if why := v.sniffer.finds(a.body); why != "" {
		v.t.Errorf("%s: %d, and in it is %s", what, a.status, why)
	}
}

// places returns every path of the console and of the API, by method, about what is in the house.
func (v *vault) places() (all []door) {
	for _, r := range v.app.pageRoutes {
		all = append(all, door{r.Op, r.Method, r.Path})
	}
	all = append(all, v.doors()...)
	var filled []door
	for _, d := range all {
		folder := regexp.MustCompile(`([a-z]+)/\{(id|name)\}`).FindStringSubmatch(d.path)
		fills := []string{""}
		if folder != nil {
			switch name := strings.TrimSuffix(folder[1], "s"); {
			case folder[1] == "sessions":
				fills = []string{v.ids["sessions"]}
			case name == "case":
				fills = []string{v.ids["case"], v.ids["second"]}
			case name == "user":
				fills = []string{v.ids["staff"]}
			case name == "item":
				fills = v.items()
			case v.ids[name] != "":
				fills = []string{v.ids[name]}
			default:
				v.t.Errorf("%s: what is a %s? Say so in openVault", d.path, folder[1])
			}
		}
		for _, id := range fills {
			at := strings.NewReplacer("{id}", id, "{name}", id, "{token}", houvast.RandomText("once", 26), "{$}", "").Replace(d.path)
			filled = append(filled, door{d.op, d.method, at})
		}
	}
	return filled
}

// items are the ids of two items, the first of which is under review.
func (v *vault) items() (ids []string) {
	v.must(v.app.db.View(v.t.Context(), func(tx *store.Tx) error {
		c, err := review.Get(tx, v.claim)
		ids = []string{string(c.Item)}
		return err
	}))
	return ids
}

// knockAt asks by hand and judges what comes.
func (v *vault) knockAt(k knocker, w wired, more ...string) {
	w.header = append(slices.Clone(k.headers), more...)
	if w.method == http.MethodPost {
		w.header = append(w.header, "Origin", v.origin(), "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json")
		if w.body = "{}"; strings.HasPrefix(w.target, "/console/") {
			w.header[len(w.header)-1], w.body = "application/x-www-form-urlencoded", "level=colour"
		}
	}
	v.judge(fmt.Sprintf("%s %s at %s by %s %v", w.method, w.target, w.host, k.name, more), v.wire(w))
}

// others are the methods that no route has.
var others = []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"}

// No route of any surface hands out a byte of a picture, whoever asks, by whatever method, under whatever
// name of the host; but for the one address that was granted, to the one page it was granted to.
func TestNoOtherWayToAPicture(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		v := openVault(t, cfg)
		places := v.places()
		v.everyRoute(places)
		v.otherHosts(places)
		v.theOneThatDelivers()
		v.ways()
		t.Logf("%d places, %d callers: %d answers without a byte of a picture, of %d known windows: %v", len(places), len(v.callers), v.asked, len(v.sniffer.known), v.kinds)
		if v.asked < 5000 || v.kinds["200 text/html"] == 0 || v.kinds["200 application/json"] == 0 || len(v.sniffer.known) < 10_000 {
			t.Fatal("too little was tried")
		}
	})
}

// everyRoute asks for every place by everybody; what changes something comes last.
func (v *vault) everyRoute(places []door) {
	host := strings.TrimPrefix(v.origin(), "http://")
	for _, k := range v.callers {
		for _, d := range places {
			if k.socket {
				if d.method == http.MethodGet && !strings.HasPrefix(d.path, "/console/") {
					v.judge("GET "+d.path+" by the command line", v.tell("GET", d.path, nil))
				}
				continue
			}
			if d.method == http.MethodGet {
				v.knockAt(k, wired{method: "GET", host: host, target: d.path})
				v.knockAt(k, wired{method: "HEAD", host: host, target: d.path})
				v.knockAt(k, wired{method: "GET", host: host, target: d.path}, "Range", "bytes=0-9999", "Accept", "image/*")
			}
			for _, method := range others {
				if k.own {
					v.knockAt(k, wired{method: method, host: host, target: d.path})
				}
			}
		}
	}
	for i := range v.callers {
		for _, d := range places {
			if d.method != http.MethodPost {
				continue
			}
			k := v.ready(i)
			if k.socket {
				if !strings.HasPrefix(d.path, "/console/") {
					v.judge("POST "+d.path+" by the command line", v.tell("POST", d.path, strings.NewReader("{}")))
				}
				continue
			}
			v.knockAt(k, wired{method: "POST", host: host, target: d.path})
		}
	}
}

// ready is a caller who is signed in, and has a claim if they are the one with the claim, whatever the
// last request was.
func (v *vault) ready(i int) knocker {
	k := &v.callers[i]
	if k.p.token == "" {
		return *k
	}
	if _, err := v.app.desk.Who(v.t.Context(), access.Secret(k.p.token)); err != nil {
		was := k.p.token
		k.p = v.again(k.p)
		for j := range k.headers {
			k.headers[j] = strings.ReplaceAll(k.headers[j], was, k.p.token)
		}
	}
	if k.p.name == v.holder.name {
		if c, held, err := v.app.desk.ClaimOf(v.t.Context(), k.p.actor()); err != nil || !held {
			v.must(err)
			v.claim = v.claimed(k.p).ID
		} else {
			v.claim = c.ID
		}
		v.holder = k.p
	}
	return *k
}

// otherHosts asks for every place under other names of the host, and with the whole address in the first
// line of the request.
func (v *vault) otherHosts(places []door) {
	console := strings.TrimPrefix(v.origin(), "http://")
	media := strings.TrimPrefix(v.app.origins().Media, "http://")
	_, port, _ := strings.Cut(console, ":")
	shots := []string{"/r/" + v.claim.String() + "/mosaic/" + houvast.RandomText("look", 32), "/r/" + v.claim.String() + "/colour/", "/r/" + v.claim.String(), "/r/", "/",
		"/blobs/", "/r/../console/queue", "/console/../r/" + v.claim.String() + "/mosaic/x", "//r/" + v.claim.String() + "/mosaic/x", "/console/r/" + v.claim.String() + "/mosaic/x"}
	for _, path := range shots {
		places = append(places, door{"", "GET", path})
	}
	for _, k := range v.callers {
		if !k.own {
			continue
		}
		for _, d := range places {
			if d.method != http.MethodGet {
				continue
			}
			for _, host := range []string{media, "127.0.0.1:" + port, "evil.example", strings.ToUpper(media), "", console + ".", media + ":80"} {
				v.knockAt(k, wired{method: "GET", host: host, target: d.path}, "Origin", v.origin())
			}
			v.knockAt(k, wired{method: "GET", host: console, target: "http://" + media + d.path}, "Origin", v.origin())
			v.knockAt(k, wired{method: "GET", host: media, target: "http://" + console + d.path})
			v.knockAt(k, wired{method: "GET", host: console, target: d.path}, "X-Forwarded-Host", media, "X-Original-URL", shots[0])
		}
	}
}

// theOneThatDelivers asks for one granted address in every way but the right one, and then in that.
func (v *vault) theOneThatDelivers() {
	holder := v.ready(slices.IndexFunc(v.callers, func(k knocker) bool { return k.p.name == v.holder.name })).p
	before := v.count("SELECT COUNT(*) FROM audit_line WHERE action = 'reveals.grant'")
	t := v.granted(holder, v.claim, review.LevelMosaic)
	signed := v.count("SELECT COUNT(*) FROM audit_line WHERE action = 'reveals.grant' AND seq < (SELECT MAX(size) FROM audit_checkpoint)")
	if signed != before+1 {
		v.t.Fatalf("%d grants are under a checkpoint when the page has its address, want %d", signed, before+1)
	}
	colleague := v.someone(access.Reviewer)
	other := v.granted(colleague, v.claimed(colleague).ID, review.LevelMosaic)
	at, _ := url.Parse(t.URL)
	console, media := strings.TrimPrefix(v.origin(), "http://"), at.Host
	right, delivered := wired{method: "GET", host: media, target: at.Path, header: []string{"Origin", v.origin(), "Authorization", "Houvast " + t.Proof}}, 0
	tried := 0
	for _, method := range []string{"HEAD", "POST", "PUT", "OPTIONS", "GET"} {
		for _, host := range []string{console, "evil.example", media} {
			for _, origin := range []string{"", "https://evil.example", v.app.origins().Media, "null", v.origin()} {
				for _, proof := range []string{"", "Houvast " + other.Proof, "Bearer " + holder.token, "Houvast " + holder.token, "Houvast " + t.Proof} {
					for _, target := range []string{at.Path + "?", at.Path + "/", "http://" + console + at.Path, "http://media." + console + at.Path + "?x=1", at.Path} {
						w := wired{method: method, host: host, target: target, header: []string{"Cookie", "__Host-houvast=" + holder.token}}
						if origin != "" {
							w.header = append(w.header, "Origin", origin)
						}
						if proof != "" {
							w.header = append(w.header, "Authorization", proof)
						}
						if method == right.method && host == right.host && target == right.target && origin == v.origin() && proof == "Houvast "+t.Proof {
							continue
						}
						tried++
						v.judge(fmt.Sprintf("%s %s at %s, origin %q, proof %q", method, target, host, origin, proof), v.wire(w))
					}
				}
			}
		}
	}
	got := v.wire(right)
	if v.sniffer.finds(got.body) != "" && got.status == http.StatusOK && got.header.Get("Content-Type") == "image/jpeg" && v.sniffer.holds(got.body) {
		delivered++
	}
	if delivered != 1 {
		v.t.Fatalf("control: the address as it was granted delivers %d %v", got.status, got.header)
	}
	v.judge("the same once more", v.wire(right))
	served := func() int { return v.count("SELECT COUNT(*) FROM audit_line WHERE action = 'reveal.served'") }
	await(v.t, "what was served is on record", func() bool { return served() > 0 })
	if n := served(); n != 1 {
		v.t.Errorf("%d reveals are served by the record, want 1", n)
	}
	if n := v.count("SELECT COUNT(*) FROM audit_line WHERE action = 'reveal.refused'"); n == 0 {
		v.t.Error("the misuse of an address is not on record")
	}
	v.t.Logf("one granted address: %d ways do not deliver, one does, once", tried)
}

// ways are the ways in which a granted address loses its worth before it is used.
func (v *vault) ways() {
	level := string(review.LevelMosaic)
	tried := 0
	for name, spoil := range map[string]func(p person, id houvast.CaseID, t *ticket){
		"used": func(_ person, _ houvast.CaseID, t *ticket) { v.fetch(*t, "") },
		"claim given back": func(p person, id houvast.CaseID, _ *ticket) {
			v.must(v.app.desk.GiveBack(v.t.Context(), p.asked("review.release"), id))
		},
		"claim run out":  func(person, houvast.CaseID, *ticket) { v.clock.Advance(20 * time.Minute) },
		"session locked": func(p person, _ houvast.CaseID, _ *ticket) { v.lock(p) },
		"session ended": func(p person, _ houvast.CaseID, _ *ticket) {
			v.must(v.app.desk.SignOut(v.t.Context(), p.asked("sessions.delete"), v.session(p)))
		},
		"account disabled": func(p person, _ houvast.CaseID, _ *ticket) {
			v.must(v.control.Call(v.t.Context(), "POST", "/api/v1/users/"+p.id+"/disable", "", nil, nil))
		},
		"case decided": func(p person, id houvast.CaseID, _ *ticket) {
			_, err := v.app.desk.Decide(v.t.Context(), p.asked("cases.decide"), id, review.Verdict{Decision: houvast.DecideNotAbuse})
			v.must(err)
		},
		"another step": func(_ person, _ houvast.CaseID, t *ticket) {
			t.URL = strings.Replace(t.URL, "/"+level+"/", "/colour/", 1)
		},
		"another case": func(_ person, id houvast.CaseID, t *ticket) {
			t.URL = strings.Replace(t.URL, id.String(), v.ids["second"], 1)
		},
		"another token": func(_ person, _ houvast.CaseID, t *ticket) {
			t.URL = t.URL[:strings.LastIndex(t.URL, "/")+1] + houvast.RandomText("look", 32)
		},
		"locked by the page": func(p person, _ houvast.CaseID, _ *ticket) {
			v.visit(ask{method: "POST", path: "/console/lock", token: p.token, form: form()})
		},
	} {
		v.spoiled(name, spoil)
		tried++
	}
	v.t.Logf("%d ways in which a granted address loses its worth", tried)
}

// spoiled has somebody granted a look, spoils it, and asks for it.
func (v *vault) spoiled(name string, spoil func(person, houvast.CaseID, *ticket)) {
	p := v.someone(access.Reviewer)
	id := v.claimed(p).ID
	t := v.granted(p, id, review.LevelMosaic)
	spoil(p, id, &t)
	got := v.fetch(t, "")
	v.judge(name, got)
	if got.status != http.StatusNotFound || len(got.body) > 0 {
		v.t.Errorf("%s: %d, want an empty 404", name, got.status)
	}
}

// The sniffer finds what it is there for.
func TestSnifferFinds(t *testing.T) {
	file := []byte(picture(3))
	var s sniffer
	s.learn(file)
	middle := file[len(file)/2 : len(file)/2+40]
	for name, body := range map[string][]byte{
		"a picture": file, "one in a page": append([]byte("<html>"), file...), "a part": append([]byte("<p>"), middle...),
		"hex": []byte("x " + hex.EncodeToString(middle) + " y"), "base64": []byte(`"` + base64.StdEncoding.EncodeToString(append([]byte("zz"), middle...)) + `"`),
		"base64 for addresses": []byte("data:" + base64.RawURLEncoding.EncodeToString(middle)), "a jpeg": []byte("\xff\xd8\xff\xe0"), "webp": []byte("RIFF\x00\x00\x00\x00WEBP"),
	} {
		if s.finds(body) == "" {
			t.Errorf("%s is not found", name)
		}
	}
	for _, body := range []string{"", "<svg></svg>", `{"id":"case_0123456789abc"}`, strings.Repeat("\x00", 100), strings.Repeat("ab", 64)} {
		if why := s.finds([]byte(body)); why != "" {
			t.Errorf("%q: %s", body, why)
		}
	}
}
