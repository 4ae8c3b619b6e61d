package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// A formPart is one part of an upload; file says that it has the name of a file.
type formPart struct{ name, file, value string }

// fact is a text part, bytesOf the part with the bytes.
func fact(name, value string) formPart { return formPart{name: name, value: value} }

func bytesOf(data string) formPart {
	return formPart{name: "file", file: "picture.png", value: data}
}

const boundary = "a-line-between-parts"

// formOf writes parts as a form, with our own hand: what is judged does not write the question.
func formOf(parts ...formPart) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q", boundary, p.name)
		if p.file != "" {
			fmt.Fprintf(&b, "; filename=%q", p.file)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", p.value)
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// upload hands in a form under an idempotency key, "" for none.
func (r *rig) upload(token, key string, parts ...formPart) reply {
	r.t.Helper()
	headers := []string{"Content-Type", "multipart/form-data; boundary=" + boundary}
	if key != "" {
		headers = append(headers, "Idempotency-Key", key)
	}
	return r.send("POST", "/api/v1/items", token, strings.NewReader(formOf(parts...)), headers...)
}

// taken returns the id of an upload that must have been accepted.
func (r *rig) taken(a reply) string {
	r.t.Helper()
	var got map[string]string
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusAccepted || len(got) != 1 || !strings.HasPrefix(got["id"], "item_") {
		r.t.Fatalf("the upload was answered with %d %s", a.status, a.body)
	}
	return got["id"]
}

// settle waits until no item waits to be looked at and no blob waits to be erased.
func (r *rig) settle() {
	r.t.Helper()
	await(r.t, "every item looked at", func() bool {
		return r.count("SELECT COUNT(*) FROM item WHERE state = 'received'") == 0 && r.count("SELECT COUNT(*) FROM task WHERE kind IN ('match', 'erase')") == 0
	})
}

// leftovers is what an upload that was refused might leave: rows, blobs, files half written.
func (r *rig) leftovers() string {
	r.t.Helper()
	return fmt.Sprintf("%d items, %d blobs, %d doorbells", r.count("SELECT COUNT(*) FROM item"), len(files(r.t, filepath.Join(r.cfg.Data, "blobs"))),
		r.count("SELECT COUNT(*) FROM task WHERE kind = 'match'"))
}

const nothingLeft = "0 items, 0 blobs, 0 doorbells"

// list makes a verified bank that knows these bytes.
func (r *rig) list(name string, known ...string) {
	r.t.Helper()
	in := map[string]any{"name": name, "category": "child_abuse", "trust": "verified"}
	if err := r.control.Call(r.t.Context(), "POST", "/api/v1/banks", "", in, nil); err != nil {
		r.t.Fatal(err)
	}
	csv := "sha256,source_id\n"
	for i, data := range known {
		sum := sha256.Sum256([]byte(data))
		csv += fmt.Sprintf("%s,row-%d\n", hex.EncodeToString(sum[:]), i)
	}
	if got := r.tell("POST", "/api/v1/banks/"+name+"/import", strings.NewReader(csv)); got.status != http.StatusOK {
		r.t.Fatalf("import: %d %s", got.status, got.body)
	}
}

func picture(seed int) string {
	return string(draw.PNG(draw.Picture(draw.Houses, 160, 120, uint64(seed))))
}

// everyFact is a form with all facts, some of them after the bytes.
func everyFact(data string) []formPart {
	return []formPart{fact("account", "u-17"), fact("screen_name", "blue kite"), fact("email", "kite@example.org"), fact("profile_url", "https://forum.example/u/17"),
		fact("ip", "2001:db8::17"), fact("port", "40123"), bytesOf(data), fact("uploaded_at", "2026-11-02T10:00:00.5+01:00"),
		fact("url", "https://forum.example/p/1"), fact("context", "a post about kites"), fact("context_kind", "public_post")}
}

// rawReply sends one upload over a connection of its own and returns every byte of the answer, but
// for what must differ: the date and the id.
func rawReply(t *testing.T, r *rig, token string, parts ...formPart) (shape, id string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := formOf(parts...)
	fmt.Fprintf(conn, "POST /api/v1/items HTTP/1.1\r\nHost: houvast\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n%s",
		token, boundary, len(body), body)
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	id = itemShape.FindString(string(all))
	return itemShape.ReplaceAllString(dateShape.ReplaceAllString(string(all), "Date: then"), "the id"), id
}

var (
	itemShape = regexp.MustCompile(`item_[0-9a-z]{26}`)
	dateShape = regexp.MustCompile(`Date: [^\r]*`)
)

// What an uploader is told does not depend on what the file is.
func TestRepliesAreNoOracle(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		const each = 20
		r := startRig(t, cfg)
		_, key := r.grant("forum", access.ScopeItems)
		var known []string
		for i := range each {
			known = append(known, picture(i))
		}
		r.list("known", known...)
		shapes, ids := map[string]int{}, map[string][]string{}
		for i := range each {
			for what, data := range map[string]string{"hit": known[i], "miss": picture(1000 + i), "no picture": fmt.Sprintf("line %d of a text", i)} {
				shape, id := rawReply(t, r, key, everyFact(data)...)
				shapes[shape]++
				ids[what] = append(ids[what], id)
			}
		}
		if len(shapes) != 1 || !strings.HasPrefix(slices.Collect(maps.Keys(shapes))[0], "HTTP/1.1 202 Accepted\r\n") {
			t.Errorf("%d replies have %d shapes: %v", 3*each, len(shapes), shapes)
		}
		r.settle()
		states := map[string]map[string]int{}
		for what, all := range ids {
			states[what] = map[string]int{}
			for _, id := range all {
				states[what][r.stateOf(key, id)]++
			}
		}
		if want := map[string]map[string]int{"hit": {"looked_at": each}, "miss": {"looked_at": each}, "no picture": {"could_not_look": each}}; fmt.Sprint(states) != fmt.Sprint(want) {
			t.Errorf("states %v, want %v", states, want)
		}
		// The control: the hits were hits.
		if n := r.count("SELECT COUNT(*) FROM review_case"); n != each {
			t.Errorf("%d cases, want %d", n, each)
		}
		t.Logf("%d hits, %d misses and %d texts agree byte for byte", len(ids["hit"]), len(ids["miss"]), len(ids["no picture"]))
	})
}

// stateOf asks for an item and checks that the answer says nothing but what it may.
func (r *rig) stateOf(key, id string) string {
	r.t.Helper()
	got := r.send("GET", "/api/v1/items/"+id, key, nil)
	var in map[string]any
	if err := json.Unmarshal(got.body, &in); err != nil || got.status != http.StatusOK {
		r.t.Fatalf("item %s: %d %s", id, got.status, got.body)
	}
	var names []string
	for name := range in {
		names = append(names, name)
	}
	if slices.Sort(names); fmt.Sprint(names) != "[bytes id received_at sha256 state]" {
		r.t.Errorf("an item tells %v", names)
	}
	return fmt.Sprint(in["state"])
}

// An item of somebody else's looks exactly like one that never was.
func TestAnotherSourceSeesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		_, mine := r.grant("forum", access.ScopeItems)
		_, mineToo := r.grant("forum", access.ScopeItems)
		_, other := r.grant("album", access.ScopeItems)
		id := r.taken(r.upload(mine, "", bytesOf(picture(1))))
		r.settle()
		if a, b := r.stateOf(mine, id), r.stateOf(mineToo, id); a != "looked_at" || b != a {
			t.Errorf("its own source sees %s and %s", a, b)
		}
		theirs, none := r.send("GET", "/api/v1/items/"+id, other, nil), r.send("GET", "/api/v1/items/"+strings.Repeat("0", len(id)), other, nil)
		theirs.header.Del("Date")
		none.header.Del("Date")
		if theirs.status != http.StatusNotFound || none.status != theirs.status || fmt.Sprint(theirs.header) != fmt.Sprint(none.header) || !bytes.Equal(theirs.body, none.body) {
			t.Errorf("another source gets %d %v %s, and for no item %d %v %s", theirs.status, theirs.header, theirs.body, none.status, none.header, none.body)
		}
	})
}

func TestSameKeySameItem(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		_, key := r.grant("forum", access.ScopeItems)
		_, other := r.grant("album", access.ScopeItems)
		data := picture(2)
		first := r.upload(key, "post-1", everyFact(data)...)
		id := r.taken(first)
		again := func(when string) {
			t.Helper()
			if got := r.upload(key, "post-1", everyFact(data)...); r.taken(got) != id || got.status != first.status || !bytes.Equal(got.body, first.body) {
				t.Errorf("%s: %d %s, want %s", when, got.status, got.body, first.body)
			}
		}
		again("at once")
		r.settle()
		again("after it was looked at")
		r.halt()
		r.start()
		again("after a restart")
		clash := map[string][]formPart{"other bytes": everyFact(picture(3)), "fewer bytes": everyFact(data[:len(data)-1]), "no facts": {bytesOf(data)},
			"another fact": append(everyFact(data)[:10:10], fact("context_kind", "profile")), "another name": {fact("account", "u-18"), bytesOf(data)}}
		for what, parts := range clash {
			if got := r.upload(key, "post-1", parts...); got.status != http.StatusConflict || got.code() != "idempotency-key-reused" {
				t.Errorf("%s under the same key: %d %s", what, got.status, got.body)
			}
		}
		if got := r.taken(r.upload(other, "post-1", everyFact(data)...)); got == id {
			t.Error("another source got our item by the same key")
		}
		if a, b := r.taken(r.upload(key, "", bytesOf(data))), r.taken(r.upload(key, "", bytesOf(data))); a == b || a == id {
			t.Error("without a key an upload was taken for an earlier one")
		}
		r.settle()
		before := r.count("SELECT COUNT(*) FROM item")
		r.fifty(key, data)
		if n := r.count("SELECT COUNT(*) FROM item"); n != before+1 {
			t.Errorf("50 uploads under one key made %d items", n-before)
		}
		r.settle()
		if left := files(t, filepath.Join(cfg.Data, "blobs")); len(left) > 0 {
			t.Errorf("blobs are left: %v", left)
		}
	})
}

// fifty sends the same upload 50 times at once.
func (r *rig) fifty(key, data string) {
	r.t.Helper()
	var wg sync.WaitGroup
	replies := make(chan reply, 50)
	ready := make(chan struct{})
	for range cap(replies) {
		wg.Go(func() {
			<-ready
			replies <- r.upload(key, "post-50", everyFact(data)...)
		})
	}
	close(ready)
	wg.Wait()
	close(replies)
	told := map[string]int{}
	for a := range replies {
		told[fmt.Sprint(a.status, " ", string(a.body))]++
	}
	if len(told) != 1 || !strings.HasPrefix(slices.Collect(maps.Keys(told))[0], "202 ") {
		r.t.Errorf("50 uploads at once were told %v", told)
	}
}

// What is refused names the field, repeats nothing and leaves nothing.
func TestRefusedUploads(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		set(t, &cfg, "limits.upload_mib", "1")
		r := startRig(t, cfg)
		_, key := r.grant("forum", access.ScopeItems)
		data := bytesOf(picture(4))
		many := []formPart{}
		for i := range 24 {
			many = append(many, fact(fmt.Sprintf("n%d", i), "x"))
		}
		mib := strings.Repeat("a line of text\n\n", 1<<16)
		rows := []struct {
			name   string
			status int
			code   string
			says   string
			parts  []formPart
		}{
			{"no file", 400, "no-file", "file", []formPart{fact("account", "u-17")}},
			{"no part", 400, "", "", nil},
			{"empty file", 400, "upload-empty", "empty", []formPart{bytesOf("")}},
			{"unknown part", 400, "unknown-field", "not known", []formPart{fact(marker, marker), data}},
			{"unknown part after", 400, "unknown-field", "not known", []formPart{data, fact(marker, marker)}},
			{"two files", 400, "bad-field", "twice", []formPart{data, data}},
			{"a fact twice", 400, "bad-field", "twice", []formPart{fact("account", marker), fact("account", marker), data}},
			{"25 parts", 400, "", "", append(many, data)},
			{"long fact", 413, "too_large", "field", []formPart{fact("context", strings.Repeat(marker, 400)), data}},
			{"ip", 400, "bad-field", "ip", []formPart{fact("ip", marker), data}},
			{"ip after", 400, "bad-field", "ip", []formPart{data, fact("ip", "300.1.1."+marker)}},
			{"port 0", 400, "bad-field", "port", []formPart{fact("port", "0"), data}},
			{"port", 400, "bad-field", "port", []formPart{data, fact("port", marker)}},
			{"port 65536", 400, "bad-field", "port", []formPart{fact("port", "65536"), data}},
			{"url", 400, "bad-field", "url", []formPart{fact("url", "javascript:"+marker), data}},
			{"profile_url", 400, "bad-field", "profile_url", []formPart{data, fact("profile_url", "//"+marker)}},
			{"time", 400, "bad-field", "uploaded_at", []formPart{fact("uploaded_at", marker), data}},
			{"time without zone", 400, "bad-field", "uploaded_at", []formPart{data, fact("uploaded_at", "2026-11-02T10:00:00")}},
			{"context_kind", 400, "bad-field", "context_kind", []formPart{fact("context_kind", marker), data}},
			{"private", 400, "bad-field", "context_kind", []formPart{fact("context_kind", "private_message"), data}},
			{"control characters", 400, "bad-field", "account", []formPart{fact("account", marker+"\x00"), data}},
			{"no UTF-8", 400, "bad-field", "screen_name", []formPart{fact("screen_name", marker+"\xff"), data}},
			{"long account", 400, "bad-field", "account", []formPart{fact("account", strings.Repeat(marker, 20)), data}},
			{"long file name", 400, "bad-field", "file_name", []formPart{{"file", strings.Repeat(marker, 200), "x"}}},
			{"a byte too long", 413, "too_large", "1 MiB", []formPart{bytesOf(mib + "x")}},
			{"much too long", 413, "too_large", "1 MiB", []formPart{bytesOf(mib + mib + mib)}},
		}
		for _, row := range rows {
			got := r.upload(key, "", row.parts...)
			p := got.problem()
			if got.status != row.status || row.code != "" && got.code() != row.code || !strings.Contains(p.Message, row.says) || p.Type == "" {
				t.Errorf("%s: %d %s, want %d %s with %q", row.name, got.status, got.body, row.status, row.code, row.says)
			}
			if bytes.Contains(got.body, []byte(marker)) {
				t.Errorf("%s: what was sent came back: %s", row.name, got.body)
			}
			if left := r.leftovers(); left != nothingLeft {
				t.Errorf("%s left %s", row.name, left)
			}
		}
		for _, form := range []string{"application/json", "multipart/form-data", "text/plain; x=" + marker, ""} {
			if got := r.send("POST", "/api/v1/items", key, strings.NewReader(marker), "Content-Type", form); got.status != http.StatusUnsupportedMediaType || got.problem().Type == "" {
				t.Errorf("%q: %d %s", form, got.status, got.body)
			}
		}
		if got := r.send("POST", "/api/v1/items", key, strings.NewReader(formOf(data)), "Content-Type", "multipart/form-data; boundary="+boundary,
			"Idempotency-Key", strings.Repeat("k", 129)); got.status != http.StatusBadRequest {
			t.Errorf("a key of 129 characters: %d %s", got.status, got.body)
		}
		if left := r.leftovers(); left != nothingLeft {
			t.Errorf("left: %s", left)
		}
		if strings.Contains(r.log.String(), marker) {
			t.Errorf("what was sent is in the log:\n%s", r.log)
		}
		r.taken(r.upload(key, "", bytesOf(mib))) // the control: what is just not too long is taken
		t.Logf("%d uploads refused", len(rows)+5)
	})
}

// The bound that is set without a configuration, for once, with bytes that are never in memory at once.
func TestHundredMiB(t *testing.T) {
	storetest.Count(store.SQLite)
	r := startRig(t, freshConfig(t, store.SQLite))
	_, key := r.grant("forum", access.ScopeItems)
	open, shut, _ := strings.Cut(formOf(bytesOf("|")), "|")
	body := io.MultiReader(strings.NewReader(open), io.LimitReader(same('z'), 100<<20+1), strings.NewReader(shut))
	got := r.send("POST", "/api/v1/items", key, body, "Content-Type", "multipart/form-data; boundary="+boundary)
	if got.status != http.StatusRequestEntityTooLarge || got.code() != "too_large" {
		t.Errorf("100 MiB and a byte: %d %s", got.status, got.body)
	}
	if left := r.leftovers(); left != nothingLeft {
		t.Errorf("left: %s", left)
	}
}

// same is an endless row of one letter.
type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

// A platform that goes away in the middle of an upload leaves nothing.
func TestBrokenUpload(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		_, key := r.grant("forum", access.ScopeItems)
		open, _, _ := strings.Cut(formOf(bytesOf("|")), "|")
		for _, form := range []string{"Content-Length: 10000000", "Transfer-Encoding: chunked"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			body := open + strings.Repeat("half of a picture ", 10_000)
			if strings.HasPrefix(form, "T") {
				body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
			}
			fmt.Fprintf(conn, "POST /api/v1/items HTTP/1.1\r\nHost: houvast\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\nContent-Type: multipart/form-data; boundary=%s\r\n%s\r\n\r\n%s",
				key, "broken", boundary, form, body)
			await(t, "the server writes what has come so far", func() bool { return len(files(t, filepath.Join(cfg.Data, "blobs", "tmp"))) == 1 })
			conn.Close()
			await(t, "nothing is left of it: "+r.leftovers(), func() bool { return r.leftovers() == nothingLeft })
		}
		r.taken(r.upload(key, "broken", bytesOf(picture(5)))) // the key is still good
	})
}

// A platform that sends a form line by line is understood as well as one that sends it at once.
func TestSlowUpload(t *testing.T) {
	storetest.Count(store.SQLite)
	r := startRig(t, freshConfig(t, store.SQLite))
	_, key := r.grant("forum", access.ScopeItems)
	pr, pw := io.Pipe()
	go func() {
		for _, b := range []byte(formOf(fact("account", "u-1"), bytesOf("a text"), fact("ip", "192.0.2.1"))) {
			if _, err := pw.Write([]byte{b}); err != nil {
				return
			}
		}
		pw.Close()
	}()
	id := r.taken(r.send("POST", "/api/v1/items", key, pr, "Content-Type", "multipart/form-data; boundary="+boundary))
	r.settle()
	if got := r.stateOf(key, id); got != "could_not_look" {
		t.Errorf("the text is %s", got)
	}
}
