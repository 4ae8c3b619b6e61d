package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// A Request is one request that a tab made, and its answer. A redirect is a request of its own, and so
// is the question that a browser asks before a request to another origin (Type "Preflight").
type Request struct {
	Method, URL string
	Type        string      // what for: "Document", "Fetch", "Image", "CSPViolationReport" ...
	Header      http.Header // as it went over the wire, cookies included
	Sent        []byte      // body of the request

	Status int         // of the answer; 0 = none came
	Answer http.Header // headers of the answer, as they came
	Body   []byte      // of the answer, as the page got it
	Lost   string      // why Body could not be read although there is one; "" = it is here
	Failed string      // why the browser gave up; "" = it did not

	Asked, Came time.Time // when it was about to be sent, and when the head of its answer had come, by the browser's clock
}

// A hop is a Request that is still being told about.
type hop struct {
	Request
	id     network.RequestID
	loader cdp.LoaderID
	report bool // about a violated policy
	done   bool // answered to the end, failed or redirected
	read   bool // Body has been asked for

	asked cdp.MonotonicTime // the moment of Asked on the clock that answers are timed by
}

// came notes when the head of the answer had come.
func (h *hop) came(at cdp.MonotonicTime) {
	h.Came = h.Asked.Add(time.Duration((at - h.asked).Float64() * float64(time.Second)))
}

// A record is what the events of one tab have said so far.
type record struct {
	mu      sync.Mutex
	changed chan struct{} // closed and made anew with every event

	faults []string

	hops []*hop
	byID map[network.RequestID][]*hop
	sent map[network.RequestID]int // how many times the headers over the wire were told, by request
	got  map[network.RequestID]int
	wait map[network.RequestID][]func() // what was told about a hop before the hop itself

	covers []target.ID // tabs that Blur has put before this one

	at     string                 // address of the page
	frame  cdp.FrameID            // of the page, not of what it embeds
	loader cdp.LoaderID           // which document that is
	came   map[cdp.LoaderID]bool  // documents that the tab has shown
	loaded cdp.LoaderID           // the last one whose load event fired
	status map[cdp.LoaderID]int64 // of documents
}

func newRecord() *record {
	return &record{changed: make(chan struct{}), byID: map[network.RequestID][]*hop{}, sent: map[network.RequestID]int{},
		got: map[network.RequestID]int{}, wait: map[network.RequestID][]func(){}, came: map[cdp.LoaderID]bool{}, status: map[cdp.LoaderID]int64{}}
}

// until waits until ok says so.
func (r *record) until(ctx context.Context, ok func(*record) bool) error {
	for {
		r.mu.Lock()
		met, changed := ok(r), r.changed
		r.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// over remembers tabs that stand before this one; without any it returns and forgets them.
func (r *record) over(ids ...target.ID) []target.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(ids) > 0 {
		r.covers = append(r.covers, ids...)
		return nil
	}
	covers := r.covers
	r.covers = nil
	return covers
}

// document is which document the tab shows.
func (r *record) document() cdp.LoaderID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loader
}

// where is the address of the page and its status.
func (r *record) where() (string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at, int(r.status[r.loader])
}

// all is every hop so far.
func (r *record) all() []*hop {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*hop(nil), r.hops...)
}

// last is the hop that events about a request now speak of.
func (r *record) last(id network.RequestID) *hop {
	if hops := r.byID[id]; len(hops) > 0 {
		return hops[len(hops)-1]
	}
	return nil
}

// request notes what is about to be sent. A redirect comes again under the same number.
func (r *record) request(ev *network.EventRequestWillBeSent) {
	if h := r.last(ev.RequestID); h != nil && ev.RedirectResponse != nil {
		r.answered(h, ev.RedirectResponse)
		h.came(ev.Timestamp)
		h.done, h.read = true, true
	}
	h := &hop{id: ev.RequestID, loader: ev.LoaderID, asked: ev.Timestamp, Request: Request{Method: ev.Request.Method, URL: ev.Request.URL, Type: string(ev.Type), Header: header(ev.Request.Headers)}}
	h.Asked = time.UnixMicro(int64(ev.WallTime.Float64() * 1e6)).UTC()
	if ev.Initiator != nil && ev.Initiator.Type == network.InitiatorTypePreflight {
		h.Type, h.read = string(network.ResourceTypePreflight), true
	}
	for _, part := range ev.Request.PostDataEntries {
		h.Sent = append(h.Sent, part.Bytes...)
	}
	r.hops = append(r.hops, h)
	r.byID[ev.RequestID] = append(r.byID[ev.RequestID], h)
	for _, told := range r.wait[ev.RequestID] {
		told()
	}
	delete(r.wait, ev.RequestID)
	h.report = ev.Type == network.ResourceTypeCSPViolationReport || h.Header.Get("Content-Type") == "application/csp-report"
	if h.report {
		r.fault("report to %s: %.1000s", h.URL, h.Sent)
	}
}

// wire notes headers as they went over the wire. They are told apart from the request, before or after
// it, and once for each hop.
func (r *record) wire(id network.RequestID, count map[network.RequestID]int, note func(*hop)) {
	n := count[id]
	count[id]++
	set := func() {
		if n < len(r.byID[id]) {
			note(r.byID[id][n])
		}
	}
	if n < len(r.byID[id]) {
		set()
		return
	}
	r.wait[id] = append(r.wait[id], set)
}

// answered notes what an answer says of itself. That of a page is for Status to tell, and a report is a
// fault already.
func (r *record) answered(h *hop, a *network.Response) {
	h.Status = int(a.Status)
	if h.Answer == nil {
		h.Answer = header(a.Headers)
	}
	if h.Status >= 400 && !h.report && h.Type != string(network.ResourceTypeDocument) {
		r.fault("request %s %s: status %d", h.Method, h.URL, h.Status)
	}
}

// ended notes that nothing more comes.
func (r *record) ended(id network.RequestID, failed string) {
	h := r.last(id)
	if h == nil {
		return
	}
	h.done, h.Failed = true, failed
}

// header turns the protocol's headers into Go's. Several of one name are joined by line breaks.
func header(from network.Headers) http.Header {
	h := http.Header{}
	for name, value := range from {
		for line := range strings.SplitSeq(fmt.Sprint(value), "\n") {
			h.Add(name, line)
		}
	}
	return h
}

// Requests returns everything that the tab has asked for so far, with the bytes of every answer that
// has come to its end. It waits up to a second for what the page still waits for.
func (tab *Tab) Requests() []Request {
	tab.t.Helper()
	tab.settle()
	ctx, cancel := context.WithTimeout(tab.ctx, time.Second)
	defer cancel()
	_ = tab.rec.until(ctx, func(r *record) bool { // what hangs is returned as it is
		for _, h := range r.hops {
			if !h.done && h.loader == r.loader {
				return false
			}
		}
		return true
	})
	var out []Request
	for _, h := range tab.rec.all() {
		tab.body(h)
		tab.rec.mu.Lock()
		out = append(out, h.Request)
		tab.rec.mu.Unlock()
	}
	return out
}

// body asks for the bytes of an answer, once.
func (tab *Tab) body(h *hop) {
	tab.rec.mu.Lock()
	skip := !h.done || h.read || h.Status == 0 || h.Failed != ""
	if !skip {
		h.read = true
	}
	tab.rec.mu.Unlock()
	if skip {
		return
	}
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	got, err := chromedp.Call(ctx, network.GetResponseBody, network.GetResponseBodyParams{RequestID: h.id})
	tab.rec.mu.Lock()
	defer tab.rec.mu.Unlock()
	if err != nil {
		h.Lost = err.Error()
		return
	}
	h.Body = got.Body
}
