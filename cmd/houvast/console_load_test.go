package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/subject"
)

// startConsole starts a server with its pages.
func startConsole(t *testing.T, cfg config.Config) *rig {
	t.Helper()
	r := &rig{t: t, cfg: cfg, clock: store.NewSystemClock(), log: &notes{}}
	s, err := startServer(context.Background(), cfg, r.clock, slog.New(slog.NewTextHandler(r.log, nil)), []string{"api", "console", "work"})
	if err != nil {
		t.Fatal(err)
	}
	r.server = s
	hc, ok := dialControl(s.control)
	if !ok {
		t.Fatal("nobody answers at the control socket")
	}
	r.socket, r.control = hc, client.New(hc, "http://control", "")
	t.Cleanup(r.halt)
	return r
}

// A reader is a browser without a screen: cookies, forms, and the origin of the renditions by name.
type reader struct {
	t    *testing.T
	r    *rig
	hc   *http.Client
	took map[string][]time.Duration
}

func (r *rig) reader(token string) *reader {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	at, err := url.Parse(r.app.origins().Console)
	if err != nil {
		r.t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(at.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port) // as a browser finds *.localhost
	}}
	r.t.Cleanup(transport.CloseIdleConnections)
	jar.SetCookies(&url.URL{Scheme: "https", Host: at.Host}, nil)
	hc := &http.Client{Transport: cookieAdder{transport, at.Host, token}, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &reader{r.t, r, hc, map[string][]time.Duration{}}
}

// cookieAdder sends the session to the console's host alone, as a browser does on this machine; the
// jar of package http keeps secure cookies from plain http.
type cookieAdder struct {
	http.RoundTripper
	host, token string
}

// RoundTrip adds the session.
func (c cookieAdder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == c.host {
		req.AddCookie(&http.Cookie{Name: site.SessionCookie, Value: c.token})
	}
	return c.RoundTripper.RoundTrip(req)
}

// do sends one request, reads the answer to its end, and keeps how long that took under what.
func (v *reader) do(what, method, address string, form url.Values, want int, headers ...string) (string, http.Header) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.r.app.origins().Console)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	began := time.Now()
	resp, err := v.hc.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	v.took[what] = append(v.took[what], time.Since(began))
	if err != nil || resp.StatusCode != want {
		v.t.Fatalf("%s: %s %s: %d, want %d (%v)\n%.2000s", what, method, address, resp.StatusCode, want, err, body)
	}
	return string(body), resp.Header
}

// percentile returns the p-th percentile of what took.
func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

// With ten thousand cases waiting, one person works through forty that come before them: pull, read
// the facts, look once at a picture of 2.7 megapixels, decide. The times are told and not judged.
func TestTenThousandWaiting(t *testing.T) {
	const waiting, cases = 10_000, 40
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startConsole(t, cfg)
		_, admin := r.hire(access.Admin)
		_, mo := r.hire(access.Reviewer)
		_, key := r.grant("forum", access.ScopeItems)
		r.fillQueue(waiting)
		r.fillDanger(cases, key)
		_ = admin
		v := r.reader(mo)
		console := r.app.origins().Console
		for range cases {
			_, h := v.do("claim", "POST", console+"/console/next", url.Values{"once": {houvast.RandomText("o", 26)}}, http.StatusSeeOther)
			at := console + h.Get("Location")
			page, _ := v.do("facts", "GET", at, nil, http.StatusOK)
			if !strings.Contains(page, "2000 ") || strings.Contains(page, "<img") {
				t.Fatal("the page is not that of the case, or has a picture in it")
			}
			v.look(at)
			form := url.Values{"decision": {"not_abuse"}, "once": {houvast.RandomText("o", 26)}}
			guard, _ := v.do("guard", "POST", at+"/decide", form, http.StatusOK)
			sure := hiddenFields(guard)
			if sure.Get("sure") != "yes" {
				t.Fatalf("the guard has no answer to send: %v", sure)
			}
			v.do("decide", "POST", at+"/decide", sure, http.StatusSeeOther)
		}
		var line strings.Builder
		for _, what := range []string{"claim", "facts", "reveal", "guard", "decide"} {
			fmt.Fprintf(&line, "  %s %.0f/%.0f ms", what, ms(percentile(v.took[what], 50)), ms(percentile(v.took[what], 95)))
		}
		t.Logf("%s, %d waiting, n = %d, median/p95:%s", r.app.db.Engine(), r.count("SELECT COUNT(*) FROM review_case WHERE state = 'open'"), cases, line.String())
		if n := r.count("SELECT COUNT(*) FROM review_case WHERE decision = 'not_abuse'"); n != cases {
			t.Errorf("%d cases are decided, want %d", n, cases)
		}
		if n := r.count("SELECT COUNT(*) FROM reveal WHERE served <> 0"); n != cases {
			t.Errorf("%d reveals were served, want %d", n, cases)
		}
	})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// look asks for the first step and fetches it, as the page's script does.
func (v *reader) look(at string) {
	v.t.Helper()
	began := time.Now()
	said, _ := v.do("grant", "POST", at+"/grant", url.Values{"level": {"mosaic"}}, http.StatusOK, "Accept", "application/json")
	var ticket struct{ URL, Proof string }
	if err := json.Unmarshal([]byte(said), &ticket); err != nil {
		v.t.Fatal(err)
	}
	picture, h := v.do("fetch", "GET", ticket.URL, nil, http.StatusOK, "Authorization", "Houvast "+ticket.Proof, "Origin", v.r.app.origins().Console)
	v.took["reveal"] = append(v.took["reveal"], time.Since(began))
	if !strings.HasPrefix(picture, "\xff\xd8\xff") || h.Get("Cache-Control") != "no-store" {
		v.t.Fatalf("no picture came: %q %v", picture[:min(16, len(picture))], h)
	}
}

// hiddenFields are the hidden fields of the form on a page that decides.
func hiddenFields(page string) url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add(m[1], m[2])
	}
	form.Set("sure", sureValue(page))
	return form
}

// sureValue is the value of the button that decides.
func sureValue(page string) string {
	if m := regexp.MustCompile(`name="sure" value="([^"]*)"`).FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return ""
}

// fillQueue puts cases into the queue that nobody comes to, each of an account of its own.
func (r *rig) fillQueue(n int) {
	r.t.Helper()
	ctx := r.t.Context()
	w, pepper := r.app.desk.W, r.app.desk.Pepper
	for done := 0; done < n; done += 500 {
		err := w.Update(ctx, func(tx *store.Tx) error {
			for i := range 500 {
				of, err := subject.Of(tx, pepper, houvast.AccountRef{Source: "forum", ID: fmt.Sprintf("waiting-%d", done+i)})
				if err != nil {
					return err
				}
				c := review.Case{ID: houvast.CaseID(tx.NewID()), Item: houvast.NewItemID(), Subject: of, Incident: houvast.IncidentID(fmt.Sprint("incident ", done+i)), Key: "none"}
				m := houvast.Match{BankName: "older-list", Category: houvast.NCIIAdult, Trust: houvast.Unverified, Kind: houvast.KindPDQ, Distance: i % 30, Entry: houvast.EntryID(1 + i%50)}
				if err := review.OpenCase(tx, c, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// fillDanger hands in drawn pictures of 2.7 megapixels that a verified list names, all of them before
// what fillQueue put there.
func (r *rig) fillDanger(n int, key string) {
	r.t.Helper()
	var list bytes.Buffer
	list.WriteString("sha256,category\n")
	var files [][]byte
	base := draw.Picture(draw.Houses, 2000, 1350, 7)
	for i := range n {
		base.Pix[4*i] ^= 0xff // another file each time
		data := draw.JPEG(base, 85)
		sum, _, err := hashing.Digest(bytes.NewReader(data))
		if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(&list, "%x,child_abuse\n", sum.SHA256)
		files = append(files, data)
	}
	bank := map[string]any{"name": "national-list", "category": "child_abuse", "trust": "verified"}
	if err := r.control.Call(r.t.Context(), "POST", "/api/v1/banks", "", bank, nil); err != nil {
		r.t.Fatal(err)
	}
	if a := r.tell("POST", "/api/v1/banks/national-list/import", &list); a.status != http.StatusOK {
		r.t.Fatalf("%d %s", a.status, a.body)
	}
	api := client.New(http.DefaultClient, r.url, key)
	for i, data := range files {
		up := houvast.Upload{Account: houvast.AccountRef{ID: fmt.Sprintf("account-%d", i)}, ContextKind: houvast.PublicPost, Context: "our secret"}
		if _, err := api.Upload(r.t.Context(), fmt.Sprintf("load-%d", i), up, "garden.jpg", bytes.NewReader(data)); err != nil {
			r.t.Fatal(err)
		}
	}
	await(r.t, "every picture has a case", func() bool {
		return r.count("SELECT COUNT(*) FROM review_case WHERE bank = 'national-list'") == n
	})
}
