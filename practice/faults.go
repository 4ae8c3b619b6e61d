package practice

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// FaultKind names a way in which a call goes wrong (the network row of the fault matrix).
type FaultKind string

// The faults. "Processed" in a Fault says whether the request takes effect first; those marked
// always are replies to a request that did.
const (
	NoFault         FaultKind = ""
	Refuse          FaultKind = "refuse"            // the connection ends before the body is read
	Cut             FaultKind = "cut"               // the connection ends after the body is read, without a reply
	CutMidway       FaultKind = "cut-midway"        // always: half of the reply, then the connection ends
	Slow            FaultKind = "slow"              // no reply until the caller gives up
	Status          FaultKind = "status"            // an HTTP status (Fault.Status, default 503) with a page that is not XML
	Unauthorized    FaultKind = "unauthorized"      // 401 although the credentials are right
	HTML            FaultKind = "html"              // 200 with a page
	Truncated       FaultKind = "truncated"         // always: the XML without its last end tag, HTTP intact
	WrongMD5        FaultKind = "wrong-md5"         // always: /upload answers another hash
	DuplicateFileID FaultKind = "duplicate-file-id" // always: /upload answers the id of the report's first file, /finish lists it twice
	Code            FaultKind = "code"              // 200 with Fault.Code
)

// FaultKinds returns every fault there is, for tests that must cover all of them.
func FaultKinds() []FaultKind {
	return []FaultKind{Refuse, Cut, CutMidway, Slow, Status, Unauthorized, HTML, Truncated, WrongMD5, DuplicateFileID, Code}
}

// Fault is what is done to one call. The zero Fault does nothing.
type Fault struct {
	Kind      FaultKind `json:"kind"`
	Processed bool      `json:"processed,omitempty"` // the request takes effect before the fault
	Code      int       `json:"code,omitempty"`      // for Code: 1000, 4100, 5001 ...
	Status    int       `json:"status,omitempty"`    // for Status: 500 to 599
}

// effective reports whether the request takes effect.
func (f Fault) effective() bool {
	switch f.Kind {
	case CutMidway, Truncated, WrongMD5, DuplicateFileID:
		return true
	case Refuse:
		return false
	}
	return f.Processed
}

// Call says which request a fault may be applied to.
type Call struct {
	Endpoint string // status, xsd, submit, upload, fileinfo, finish, retract
	N        int    // counts the authenticated calls of this endpoint, from 1
}

// Rule is a fault that /practice/faults ordered. It lets Skip matching calls pass, then applies to
// Times of them (0 means once, a negative number for ever).
type Rule struct {
	Fault
	Endpoint string `json:"endpoint,omitempty"` // empty: every endpoint
	Skip     int    `json:"skip,omitempty"`
	Times    int    `json:"times,omitempty"`
}

// take counts the call and returns the fault for it, recording one that is applied.
func (c *Clearinghouse) take(endpoint string) Fault {
	c.mu.Lock()
	c.calls[endpoint]++
	call := Call{endpoint, c.calls[endpoint]}
	c.mu.Unlock()
	var f Fault
	if c.cfg.Faults != nil {
		f = c.cfg.Faults(call)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Kind == NoFault {
		f = c.ordered(endpoint)
	}
	if f.Kind != NoFault {
		c.record(Event{Event: Faulted, Time: c.now(), Endpoint: endpoint, Fault: f.Kind, Code: f.Code, Processed: f.effective()})
	}
	return f
}

// ordered returns the fault of the first rule that applies, and uses it up. The caller holds mu.
func (c *Clearinghouse) ordered(endpoint string) Fault {
	for i, rule := range c.rules {
		if rule.Endpoint != "" && rule.Endpoint != endpoint {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		if rule.Times--; rule.Times == 0 {
			c.rules = slices.Delete(slices.Clone(c.rules), i, i+1)
		}
		return rule.Fault
	}
	return Fault{}
}

// serve answers an /ispws call, with its fault if it has one. Panicking with http.ErrAbortHandler is
// how a net/http server is told to drop the connection.
func (c *Clearinghouse) serve(w http.ResponseWriter, r *http.Request, rt route) {
	bound := max(c.cfg.MaxUpload, maxDocument) + maxForm + 1
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r.Body, bound), r.Body}

	f := c.take(rt.endpoint())
	if f.Kind == Refuse {
		panic(http.ErrAbortHandler)
	}
	var v reply
	if f.Kind == NoFault || f.effective() {
		v = c.answer(r, rt)
	}
	if f.Kind != NoFault {
		io.Copy(io.Discard, r.Body) // the caller has sent everything before it meets the fault
		v = f.spoil(w, r, v)
	}
	write(w, v)
}

// answer handles the call as the real service would.
func (c *Clearinghouse) answer(r *http.Request, rt route) reply {
	v := refuse(4000, "Invalid request - no query string is expected")
	if r.URL.RawQuery == "" {
		v = rt.handle(c, r)
	}
	if v.code != 0 {
		c.mu.Lock()
		c.record(Event{Event: Refused, Time: c.now(), Endpoint: rt.endpoint(), Code: v.code})
		c.mu.Unlock()
	}
	return v
}

// spoil turns the true reply v (empty when the request was not processed) into the faulty one.
func (f Fault) spoil(w http.ResponseWriter, r *http.Request, v reply) reply {
	page := func(status int) reply {
		return reply{status: status, mime: "text/html; charset=utf-8", body: []byte("<!DOCTYPE html><html><head><title>Gateway</title></head><body><p>The service is busy.</p></body></html>\n")}
	}
	switch f.Kind {
	case Cut:
		panic(http.ErrAbortHandler)
	case CutMidway:
		w.Header().Set("Content-Type", v.mime)
		w.Header().Set("Content-Length", strconv.Itoa(len(v.body)))
		w.Write(v.body[:len(v.body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case Slow:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Status:
		return page(max(f.Status, http.StatusInternalServerError))
	case Unauthorized:
		return refusal(http.StatusUnauthorized, 2000, "Authentication Required")
	case HTML:
		return page(http.StatusOK)
	case Truncated:
		v.body = v.body[:max(bytes.LastIndex(v.body, []byte("</")), 0)]
	case WrongMD5:
		v.body = swap(v.body, "hash", func(h []byte) []byte {
			h[0] = map[bool]byte{true: '1', false: '0'}[h[0] == '0']
			return h
		})
	case DuplicateFileID:
		if len(v.files) > 0 && bytes.Contains(v.body, []byte("<files>")) {
			v.body = bytes.Replace(v.body, []byte("</files>"), []byte("<fileId>"+v.files[0]+"</fileId></files>"), 1)
		} else if len(v.files) > 0 {
			v.body = swap(v.body, "fileId", func([]byte) []byte { return []byte(v.files[0]) })
		}
	case Code:
		return refuse(f.Code, "Practice fault")
	default:
		return refuse(1000, "Unknown practice fault")
	}
	return v
}

// swap replaces the text of the first element of that name, if there is one.
func swap(body []byte, name string, with func([]byte) []byte) []byte {
	from := bytes.Index(body, []byte("<"+name+">"))
	to := bytes.Index(body, []byte("</"+name+">"))
	if from < 0 || to < 0 {
		return body
	}
	from += len(name) + 2
	return slices.Concat(body[:from], with(slices.Clone(body[from:to])), body[to:])
}
