// Package media serves renditions, and nothing else, on a host name of its own: the media origin.
//
// Cookies know no ports but do know hosts, so another host name keeps the session of the console out of
// here, and what is served here out of the console. A page of the console fetches an address with the
// proof of its session in a header; the address alone, pasted, linked or guessed, gives nothing.
//
// There is one route, GET /r/<case>/<level>/<token>, with the preflight that browsers send before it.
// It needs the Origin of the console and the header Authorization: Houvast <proof>. Everything else is
// the same empty 404: another path or method, a query, another origin, a ticket that was used. A request
// that cannot be the page's never reaches the ticket, so that nobody's prefetch or link preview uses it up.
//
// What must stay true:
//
//   - Every byte comes from package reveal, which has the line of the grant signed before there is a
//     ticket. Nothing here reads a file, a blob or a database.
//   - A reveal is told to be served only after the last byte was handed to the network.
//   - No answer may be kept, framed, sniffed or run, and none says why there is nothing.
package media

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
)

// scheme is the authentication scheme of the proof.
const scheme = "Houvast "

// writeTime is how long a reader may take for one rendition, at most 1 MiB.
const writeTime = 30 * time.Second

// longest is the longest path that can be an address.
const longest = 200

type handler struct {
	viewer *reveal.Viewer
	origin string
	log    *slog.Logger
}

// Handler returns the media origin for pages of consoleOrigin, scheme://host[:port] as a browser sends
// it in Origin.
func Handler(v *reveal.Viewer, consoleOrigin string, log *slog.Logger) http.Handler {
	return handler{v, consoleOrigin, log}
}

// headers are those of every answer.
var headers = [...][2]string{
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", "browsing-topics=()"},
	{"Referrer-Policy", "no-referrer"},
	{"Vary", "Origin"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"X-Robots-Tag", "noindex, nofollow, noarchive, noimageindex"},
}

// ServeHTTP serves one rendition, once.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, kv := range headers {
		w.Header().Set(kv[0], kv[1])
	}
	a, ok := parse(r)
	if !ok || h.origin == "" || r.Header.Get("Origin") != h.origin || len(r.Header["Origin"]) != 1 {
		nothing(w)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", h.origin)
	if r.Method == http.MethodOptions {
		if r.Header.Get("Access-Control-Request-Method") != http.MethodGet {
			nothing(w)
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	proof, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme)
	if !ok || proof == "" || len(r.Header["Authorization"]) != 1 {
		nothing(w)
		return
	}
	picture, served, err := h.viewer.Redeem(r.Context(), a.id, a.level, a.token, proof)
	if err != nil {
		nothing(w)
		return
	}
	err = write(w, picture)
	if err != nil {
		h.log.Warn("a rendition was not served whole", "case", a.id.String(), "level", string(a.level), "error", err)
	}
	served(err)
}

// nothing is the answer to everything that is not one granted look.
func nothing(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusNotFound)
}

// write returns nil once every byte was handed to the network.
func write(w http.ResponseWriter, p reveal.Rendition) error {
	out := http.NewResponseController(w)
	// Not every writer has deadlines; one that does must not be held by a reader who stands still.
	_ = out.SetWriteDeadline(time.Now().Add(writeTime))
	w.Header().Set("Content-Type", p.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.Data)))
	w.Header().Set("Content-Disposition", "attachment")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(p.Data); err != nil {
		return err
	}
	return out.Flush()
}

// An address is what a path says.
type address struct {
	id    houvast.CaseID
	level review.Level
	token string
}

// parse reads the path of a request that may be one of ours: GET or its preflight, no query, and a path
// that is written in one way only.
func parse(r *http.Request) (a address, ok bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodOptions {
		return a, false
	}
	path := r.URL.EscapedPath()
	if len(path) > longest || path != r.URL.Path || r.URL.RawQuery != "" || r.URL.ForceQuery {
		return a, false
	}
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "r" || parts[4] == "" {
		return a, false
	}
	id, err := houvast.ParseID[houvast.CaseNoun](parts[2])
	if err != nil || id.String() != parts[2] {
		return a, false
	}
	return address{id, review.Level(parts[3]), parts[4]}, true
}
