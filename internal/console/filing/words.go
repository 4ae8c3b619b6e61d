package filing

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
)

// This file turns what the rooms know into keys of texts.

// A trouble is why a report waits for a person.
type trouble struct {
	Kind string // of filing.trouble; "" = none
	Call report.Step
	Code int
}

// troubles are the kinds of trouble; each has a text and a text of what to do.
func troubles() []string { return []string{"unknown", "often", "refused", "stuck", "files"} }

func troubleOf(r report.Report, last report.Called) trouble {
	t := trouble{Call: last.Call, Code: last.Code}
	switch {
	case r.State == report.Finished && r.Trouble != "":
		t.Kind = "files"
	case r.State != report.NeedsHuman:
	case r.Unknown(last):
		t.Kind = "unknown"
	case last.Outcome == "refused" && last.Call != "":
		t.Kind = "refused"
	case r.Exhausted():
		t.Kind = "often"
	default:
		t.Kind = "stuck"
	}
	return t
}

// A viewing is whether the file was viewed, and what that rests on.
type viewing struct {
	Yes     bool
	Why     string       // of filing.viewed
	Level   review.Level // the most that was served
	Seconds string       // for how long the whole file stood on a page
}

// whys are what an answer about viewing can rest on.
func whys() []string { return []string{"full", "part", "granted", "none", "later"} }

// viewingOf says what yes rests on. told says that the recipient was told already: looks after that
// change nothing.
func viewingOf(yes, told bool, looks []review.Reveal) viewing {
	v := viewing{Yes: yes, Why: "none"}
	var longest int64
	levels := review.Levels()
	for rank, level := range levels {
		for _, l := range looks {
			if l.Level != level {
				continue
			}
			if v.Why == "none" {
				v.Why = "granted"
			}
			if l.Served {
				v.Why, v.Level = "part", level
			}
			if l.Served && l.Whole && rank == len(levels)-1 {
				longest = max(longest, l.Shown)
			}
		}
	}
	v.Seconds = fmt.Sprintf("%.1f", float64(longest)/1000)
	switch {
	case yes:
		v.Why = "full"
	case told && longest >= review.MinShown:
		v.Why = "later"
	}
	return v
}

// inWords says what an action asks of the platform, and until when it holds by itself.
func inWords(a action.Action) (key, until string) {
	var p struct {
		Protective bool      `json:"protective"`
		Expires    time.Time `json:"expires_at"`
	}
	if json.Unmarshal(a.Payload, &p) != nil {
		return string(a.Kind), ""
	}
	switch {
	case a.Kind == action.Remove && p.Protective:
		return "remove_protective", ""
	case a.Kind == action.Withhold && !p.Expires.IsZero():
		return "withhold_until", p.Expires.UTC().Format("2006-01-02 15:04 UTC")
	}
	return string(a.Kind), ""
}

// does are all that inWords says.
func does() []string {
	return []string{string(action.Withhold), "withhold_until", string(action.Release), string(action.Remove), "remove_protective"}
}

// keepingOf says how evidence is kept, as a key of filing.keep.
func keepingOf(k desk.Keep) string {
	switch {
	case k.State == evidence.Destroyed:
		return "destroyed"
	case k.State == evidence.Destroying:
		return "destroying"
	case k.State == evidence.Preserved:
		return "preserved"
	case k.Destroy.IsZero():
		return "waiting"
	}
	return "held"
}

// keeps are all that keepingOf says.
func keeps() []string { return []string{"destroyed", "destroying", "preserved", "waiting", "held"} }

// roleOf is the role of the uploader as a key; nobody having said it is the same as unknown.
func roleOf(r houvast.Role) houvast.Role {
	if r == "" {
		return houvast.RoleUnknown
	}
	return r
}

// exact is a moment to the second: what an address and a port mean hangs on it.
func exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
