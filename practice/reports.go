package practice

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// The kinds of Event.
const (
	Opened    = "opened"    // /submit gave out a report id
	Uploaded  = "uploaded"  // /upload took a file
	Described = "described" // /fileinfo took a description
	Finished  = "finished"  // /finish: the report is filed
	Retracted = "retracted" // /retract: the report is withdrawn
	Lapsed    = "lapsed"    // the clock deleted an unfinished report; dated by its deadline
	Refused   = "refused"   // an authenticated request got a code other than 0
	Faulted   = "faulted"   // a fault was applied
)

// Event is one line of the log. The first six kinds carry what is known of the report, so that a
// finished line can be judged alone; of the files, an upload or a description carries its own and the
// three ends carry all.
type Event struct {
	Seq      int       `json:"seq"`  // from 1, without gaps
	Time     time.Time `json:"time"` // UTC, by the clock of the clearinghouse
	Event    string    `json:"event"`
	Endpoint string    `json:"endpoint,omitempty"` // refused and faulted: submit, upload ...
	Code     int       `json:"code,omitempty"`     // refused: the response code
	Fault    FaultKind `json:"fault,omitempty"`    // faulted
	// Processed says, for a faulted event, that the request took effect all the same.
	Processed bool `json:"processed,omitempty"`

	ReportID     int64    `json:"reportId,omitempty"`
	IncidentType string   `json:"incidentType,omitempty"`
	Identifiers  []string `json:"identifiers,omitempty"`  // espIdentifier of each reported person, in order
	Victims      int      `json:"victims"`                // number of victim elements
	SubmitSHA256 string   `json:"submitSha256,omitempty"` // of the document given to /submit, as received
	FileIDs      []string `json:"fileIds,omitempty"`      // in order of upload
	MD5s         []string `json:"md5s,omitempty"`         // in the same order
	Files        []File   `json:"files,omitempty"`        // in the same order
}

// File is what is kept of an upload: digests in lower-case hex, the size in bytes, and what the
// latest /fileinfo said of it. The bytes are not kept.
type File struct {
	FileID string `json:"fileId"`
	MD5    string `json:"md5"`
	SHA1   string `json:"sha1"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Descriptions counts the accepted /fileinfo calls.
	Descriptions int `json:"descriptions"`
	// Viewed, ExifViewed and Public are "true", "false", or "" when the element was not sent.
	Viewed     string `json:"fileViewedByEsp"`
	ExifViewed string `json:"exifViewedByEsp"`
	Public     string `json:"publiclyAvailable"`
	// Relevance is "Reported" unless the description says otherwise; "" before a description.
	Relevance string `json:"fileRelevance"`
}

// report is one submission. Guarded by Clearinghouse.mu.
type report struct {
	id              int64
	opened, changed time.Time
	end             string // Finished, Retracted, Lapsed, or "" while open
	incidentType    string
	identifiers     []string
	victims         int
	sha256          string
	files           []File
}

// deadline is when an open report lapses: the later of the two counts.
func (r *report) deadline() time.Time {
	a, b := r.opened.Add(lifeAfterOpening), r.changed.Add(lifeAfterChange)
	if a.After(b) {
		return a
	}
	return b
}

// event returns a line about the report and those of its files.
func (r *report) event(kind string, at time.Time, files ...File) Event {
	ev := Event{
		Event: kind, Time: at, ReportID: r.id, IncidentType: r.incidentType, Identifiers: r.identifiers,
		Victims: r.victims, SubmitSHA256: r.sha256, Files: slices.Clone(files),
	}
	for _, f := range files {
		ev.FileIDs = append(ev.FileIDs, f.FileID)
		ev.MD5s = append(ev.MD5s, f.MD5)
	}
	return ev
}

// Events returns the log so far, lapses up to now included.
func (c *Clearinghouse) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lapse() // a log that cannot be written has said so to every caller already
	return slices.Clone(c.events)
}

// now is the clock; the caller holds mu.
func (c *Clearinghouse) now() time.Time { return c.cfg.Now().Add(c.skew).UTC() }

// record writes one line, to memory last: what the log file does not have did not happen. The first
// failure is kept and returned for ever, since half a line may be in the file. The caller holds mu.
func (c *Clearinghouse) record(ev Event) error {
	if c.broken != nil {
		return c.broken
	}
	ev.Seq, ev.Time = len(c.events)+1, ev.Time.UTC()
	if c.cfg.Log != nil {
		if c.broken = c.writeLine(ev); c.broken != nil {
			return c.broken
		}
	}
	c.events = append(c.events, ev)
	return nil
}

func (c *Clearinghouse) writeLine(ev Event) error {
	line, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	if _, err := c.cfg.Log.Write(append(line, '\n')); err != nil {
		return err
	}
	if f, ok := c.cfg.Log.(*os.File); ok {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return err // a terminal or a pipe cannot be synced
		}
	}
	if f, ok := c.cfg.Log.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return nil
}

// lapse ends every open report whose deadline has come. The caller holds mu.
func (c *Clearinghouse) lapse() error {
	now := c.now()
	var due []*report
	for _, r := range c.open {
		if !now.Before(r.deadline()) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *report) int { return a.deadline().Compare(b.deadline()) })
	for _, r := range due {
		if err := c.record(r.event(Lapsed, r.deadline(), r.files...)); err != nil {
			return err
		}
		r.end = Lapsed
		delete(c.open, r.id)
	}
	return nil
}

// change runs fn with the lock held and the lapses done. fn records its event before it touches
// anything; an error of the log is code 1000.
func (c *Clearinghouse) change(fn func(now time.Time) (reply, error)) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lapse(); err != nil {
		return refuse(1000, "Server error")
	}
	v, err := fn(c.now())
	if err != nil {
		return refuse(1000, "Server error")
	}
	return v
}

// find returns an open report, or the refusal for one that is not. The caller holds mu.
func (c *Clearinghouse) find(id int64) (*report, *reply) {
	r := c.reports[id]
	var no reply
	switch {
	case r == nil || r.end == Lapsed:
		no = refuse(5001, "Report does not exist")
	case r.end == Retracted:
		no = refuse(5101, "Report has already been retracted")
	case r.end == Finished:
		no = refuse(5102, "Report has already been finished")
	default:
		return r, nil
	}
	return nil, &no
}
