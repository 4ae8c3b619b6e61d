package practice

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxAdvance bounds one step of the practice clock.
const maxAdvance = 20 * 366 * 24 * time.Hour

// control answers a practice-only route: loopback, or nothing is there.
func (c *Clearinghouse) control(w http.ResponseWriter, r *http.Request, rt route) {
	if ip := net.ParseIP(host(r)); ip == nil || !ip.IsLoopback() {
		write(w, refusal(http.StatusNotFound, 1210, "Resource not found"))
		return
	}
	write(w, rt.handle(c, r))
}

// setFaults replaces the ordered faults: {"faults": [{"endpoint": "upload", "kind": "cut",
// "processed": true, "skip": 1, "times": 2}]}. An empty list clears them.
func (c *Clearinghouse) setFaults(r *http.Request) reply {
	var in struct {
		Faults []*Rule `json:"faults"`
	}
	if err := decode(r, &in); err != nil {
		return problem(err)
	}
	for _, rule := range in.Faults {
		if err := rule.check(); err != nil {
			return problem(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = in.Faults
	return answerJSON(http.StatusOK, map[string]int{"faults": len(in.Faults)})
}

// check refuses a rule that could not do what it says.
func (rule *Rule) check() error {
	switch {
	case rule == nil || !slices.Contains(FaultKinds(), rule.Kind):
		return errors.New("unknown kind")
	case rule.Endpoint != "" && !slices.ContainsFunc(routes(), func(rt route) bool { return !rt.control && rt.endpoint() == rule.Endpoint }):
		return errors.New("unknown endpoint")
	case rule.Skip < 0:
		return errors.New("skip is negative")
	case (rule.Kind == Code) != (rule.Code != 0):
		return errors.New("a code goes with kind code, and only with it")
	case rule.Kind != Status && rule.Status != 0, rule.Status != 0 && (rule.Status < 500 || rule.Status > 599):
		return errors.New("a status from 500 to 599 goes with kind status, and only with it")
	}
	if rule.Times == 0 {
		rule.Times = 1
	}
	return nil
}

// setClock advances the clock: {"advance": "25h"}. It cannot be turned back.
func (c *Clearinghouse) setClock(r *http.Request) reply {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := decode(r, &in); err != nil {
		return problem(err)
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 || d > maxAdvance {
		return problem(errors.New("advance must be a duration such as 25h, not negative"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew += d
	if err := c.lapse(); err != nil {
		return answerJSON(http.StatusInternalServerError, map[string]string{"error": "the log cannot be written"})
	}
	return answerJSON(http.StatusOK, map[string]time.Time{"now": c.now()})
}

// readLog returns the log as JSON lines, the same as went to Config.Log.
func (c *Clearinghouse) readLog(*http.Request) reply {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for _, ev := range c.Events() {
		if err := out.Encode(ev); err != nil {
			return answerJSON(http.StatusInternalServerError, map[string]string{"error": "the log cannot be read"})
		}
	}
	return reply{http.StatusOK, "application/x-ndjson", b.Bytes(), 0, nil}
}

// decode reads one JSON value with known fields and nothing after it.
func decode(r *http.Request, into any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return errors.New("Content-Type must be application/json")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxControl+1))
	if err != nil || len(raw) > maxControl {
		return errors.New("the body is incomplete or too large")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New("the body is not the JSON expected here")
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func problem(err error) reply {
	return answerJSON(http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func answerJSON(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil { // maps of strings, numbers and times do not fail
		status, body = http.StatusInternalServerError, nil
	}
	return reply{status, "application/json", append(body, '\n'), 0, nil}
}
