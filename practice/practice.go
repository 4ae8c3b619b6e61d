// Package practice is the practice clearinghouse: a local stand-in for the recipient of CyberTipline
// reports, speaking the "ispws" wire format over HTTP. It exists so that a client can be judged by
// something that does not share its mistakes.
//
// It knows nothing of Houvast. It imports the standard library and its own package schema, has its
// own table of the documents, its own reader, datatypes and log, and refuses whatever it does not
// know. What it does is written from the project's note on the CyberTipline interface, sections 1.1
// to 1.8, and the lists of faults from the note on reliability, 3.2 and 3.3. Nothing filed here
// reaches anybody.
//
// # Nouns
//
// A report is opened by /submit, gets files by /upload, descriptions by /fileinfo, and ends in one
// of three ways: finished (/finish, irreversible), retracted (/retract), lapsed (by the clock). An
// event is one line of the log. A fault is a lie or a failure that a test asked for.
//
// # Promises
//
//   - /finish is the only commit. A report finishes at most once; 5102 says so afterwards.
//   - A report that is not finished lapses 24 h after opening or 1 h after the last change, whichever
//     is later, by Config.Now plus what /practice/clock added. Then it does not exist: 5001.
//   - Every change of state is one log line, written and (for a file) synced before the state
//     changes and before the reply. A line that cannot be written is a change that did not happen:
//     the caller gets 1000.
//   - Uploaded bytes are never kept: MD5, SHA-1, SHA-256 and the size are.
//   - Errors are HTTP 200 with a code other than 0, except 401, 404 and 405, which carry both.
//
// # Where the reference is silent
//
// These are choices of this package and not known behaviour of the real service: a retracted report
// answers 5101 and a finished one 5102 to every later call; /fileinfo sent again replaces; the two
// parts of /upload come in the order id, file; an upload above the bound is 1111, a document above
// its bound 4000; a zoneless incidentDateTime is read as UTC when it is compared with now.
//
// # Practice only
//
// The routes below /practice/ have no counterpart in the real service. They answer to loopback
// addresses with the same credentials and to nobody else.
//
//	POST /practice/faults  {"faults": [Rule ...]}   replaces the ordered faults; [] clears them
//	POST /practice/clock   {"advance": "25h"}       answers {"now": ...}; lapses what is due
//	GET  /practice/log                              the log so far, one JSON Event a line
package practice

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/houvast/houvast/practice/schema"
)

// Bounds on what one request may bring. Credentials are checked before any of them is spent.
const (
	maxDocument = 16 << 20  // bytes of a report or fileDetails document
	maxForm     = 4 << 10   // bytes of a form that carries only an id
	maxControl  = 64 << 10  // bytes of a /practice request
	maxReports  = 1_000_000 // reports one clearinghouse remembers; beyond it /submit is 1100

	defaultMaxUpload = 256 << 20
)

// The life of an unfinished report: the later of the two counts (section 1.3).
const (
	lifeAfterOpening = 24 * time.Hour
	lifeAfterChange  = time.Hour
)

// Config is what a Clearinghouse is made of.
type Config struct {
	// User and Password are the HTTP Basic credentials. With either empty nobody gets in.
	User, Password string
	// Now is the clock of expiry and of the log; nil means time.Now.
	Now func() time.Time
	// Log receives one JSON Event a line. If it has a Sync method, as a file has, it is synced after
	// every line, before the reply. Nil keeps the log in memory only, see Events.
	Log io.Writer
	// MaxUpload bounds the bytes of one uploaded file; 0 means 256 MiB.
	MaxUpload int64
	// Faults is asked before every authenticated /ispws request; the zero Fault means none. It may
	// be called concurrently. It goes before rules set through /practice/faults.
	Faults func(Call) Fault
}

// Clearinghouse is an http.Handler for /ispws/ and /practice/. It is safe for concurrent use.
type Clearinghouse struct {
	cfg    Config
	schema *schema.Schema
	limit  int // maxReports

	mu      sync.Mutex
	skew    time.Duration // what /practice/clock added
	next    int64         // the next report id
	reports map[int64]*report
	open    map[int64]*report // those that can still lapse
	events  []Event
	rules   []*Rule
	calls   map[string]int // authenticated requests so far, by endpoint
	broken  error          // why the log can no longer be written
}

// New returns an empty clearinghouse. Report ids start at the Unix second of its clock, so that one
// started anew does not give out the ids of an earlier one.
func New(cfg Config) *Clearinghouse {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxUpload <= 0 {
		cfg.MaxUpload = defaultMaxUpload
	}
	return &Clearinghouse{
		cfg: cfg, schema: schema.New(), limit: maxReports, next: cfg.Now().Unix(),
		reports: map[int64]*report{}, open: map[int64]*report{}, calls: map[string]int{},
	}
}

// ServeHTTP answers one request.
func (c *Clearinghouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Request-ID", randomID())
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		write(w, refusal(http.StatusMethodNotAllowed, 4000, "Method not allowed"))
		return
	}
	if !c.known(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="ESP Web Services"`)
		write(w, refusal(http.StatusUnauthorized, 2000, "Authentication Required"))
		return
	}
	for _, rt := range routes() {
		if rt.path != r.URL.Path {
			continue
		}
		if rt.method != r.Method {
			w.Header().Set("Allow", rt.method)
			write(w, refusal(http.StatusMethodNotAllowed, 4000, "Method not allowed"))
			return
		}
		if rt.control {
			c.control(w, r, rt)
			return
		}
		c.serve(w, r, rt)
		return
	}
	write(w, refusal(http.StatusNotFound, 1210, "Resource not found"))
}

// randomID returns 32 random hex digits: the shape of a fileId and of our Request-ID.
func randomID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, crypto/rand says
	return hex.EncodeToString(b[:])
}
