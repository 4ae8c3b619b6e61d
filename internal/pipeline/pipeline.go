// Package pipeline is the one place that knows the order of the rooms, and the only one that begins
// writing transactions. Each file is a corridor where two rooms meet:
//
//	receive.go   bytes sealed into quarantine, item, doorbell
//	match.go     hashed in the child, looked up; a match opens a case and takes its bytes into evidence
//	decide.go    a person's decision becomes what follows from it
//	file.go      a report is filed, state before every call
//	preserve.go  what is filed is preserved; what is due is destroyed, key first
//	sweep.go     what nobody was rung for is rung for again
//
// What a person reads or changes in one room only is in package desk, below this one.
//
// No rule lives here: rooms think, the pipeline carries. A change, its audit line and its doorbell
// are one transaction. What must be durable before a row may name it (a sealed blob, a key) is put
// first; what a crash leaves over is then a blob or a key without a row, which the sweep finds.
package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/subject"
	"github.com/houvast/houvast/internal/task"
)

// Settings are the operator's choices that the walk depends on.
type Settings struct {
	MaxBytes      int64         // of one upload
	CouldNotLook  time.Duration // how long the bytes of what could not be looked at are kept
	Undo          time.Duration // before evidence of a released item is destroyed
	Withhold      bool          // withhold at once what is the same file as an entry of a verified list
	WithholdFor   time.Duration
	SelfApproval  bool // the team is a single person and has said so
	Drawn         review.DrawnPolicy
	Reporter      report.Reporter
	Recipients    []Recipient // the first one receives new reports
	BankThreshold int         // bits; default of new banks
}

// A Recipient is a body that receives reports, with the client that speaks to one of its
// environments.
type Recipient struct {
	Name        string
	Environment houvast.Environment
	Client      *report.Client
}

// An Installation is what was chosen once: nothing is received before.
type Installation struct {
	Profile      houvast.InstallationProfile
	Jurisdiction string
	Policy       evidence.Policy
}

// Pipeline carries the walk. All fields but Webhook are needed.
type Pipeline struct {
	W        store.Writer
	Keys     *seal.Keyring
	Blobs    blob.Store
	Audit    *audit.Log
	Children Children
	Index    *bank.Index
	Pepper   subject.Pepper
	Settings Settings
	Install  func() (Installation, bool) // false until chosen
	Webhook  action.Sender               // for withhold, release and remove; nil leaves them waiting, visibly
	Log      *slog.Logger
	// Recording says why the audit log does not go on; nil when it does. May itself be nil.
	Recording func() error

	unsigned atomic.Int64 // line that was committed and could not be signed; 0 = none
}

// Children decode what strangers sent; a *sandbox.Pool is one.
type Children interface {
	Do(ctx context.Context, req sandbox.Request, data io.Reader) (answer []byte, err error)
}

// The kinds of tasks.
const (
	taskMatch    = "match"    // subject: item
	taskDrop     = "drop"     // subject: item whose kept bytes go
	taskErase    = "erase"    // subject: blob that nothing names any more
	taskWithheld = "withheld" // subject: case whose withhold runs out
	TaskExpire   = "expire"   // subject: evidence that is due
)

// Lanes says how each kind of task is done, for a task.Runner.
func (p *Pipeline) Lanes(workers int) []task.Lane {
	out := action.Runner{W: p.W, Senders: map[action.Kind]action.Sender{action.Report: p.fileReport}}
	if p.Webhook != nil {
		out.Senders[action.Withhold], out.Senders[action.Release], out.Senders[action.Remove] = p.Webhook, p.Webhook, p.Webhook
	}
	return []task.Lane{
		{Kind: taskMatch, Workers: workers, Do: p.match},
		{Kind: action.TaskKind, Workers: 8, Do: out.Do},
		{Kind: action.TaskKindReport, Workers: 4, Do: out.Do},
		{Kind: taskErase, Workers: 2, Do: p.erase},
		{Kind: taskDrop, Workers: 1, Do: p.drop},
		{Kind: taskWithheld, Workers: 1, Do: p.withholdEnds},
		{Kind: TaskExpire, Workers: 2, Do: p.expire},
	}
}

// An Ask is who asks for what. Key and Body make it idempotent: the same request under the same key
// is answered as before, whatever happened in between.
type Ask struct {
	By   houvast.Actor
	Op   string
	Key  string // Idempotency-Key; "" = none
	Body string // hex SHA-256 of the request
}

// Done is what a transaction says about itself for the audit log.
type Done struct {
	Subject string
	Detail  map[string]string
	Nothing bool // was changed: there is no line
}

// Did is a Done with its facts.
func Did(subject string, detail map[string]string) Done {
	return Done{Subject: subject, Detail: detail}
}

// kept is what a request that comes again is answered from: the answer, and the line that must be
// signed before anybody is given it.
type kept struct {
	Line   int64           `json:"line"`
	Answer json.RawMessage `json:"answer"`
}

// Do is a person's or a program's write in one transaction, with its audit line. It returns when the
// line is under a signed checkpoint: what is answered has happened and can be proved. That holds for
// a repeated request too. The answer of fn must hold nothing that may not be stored in clear.
func Do[T any](ctx context.Context, p *Pipeline, ask Ask, fn func(tx *store.Tx) (T, Done, error)) (answer T, err error) {
	op := "pipeline." + ask.Op
	req := store.Request{Actor: ask.By, Op: ask.Op, Key: ask.Key, Body: ask.Body}
	if err := p.recording(ctx); err != nil {
		return answer, houvast.Wrap(op, err)
	}
	var line int64
	err = p.W.Update(ctx, func(tx *store.Tx) error {
		before, found, err := tx.Asked(req)
		if err != nil {
			return err
		}
		if found {
			var k kept
			if err = json.Unmarshal(before, &k); err == nil {
				line, err = k.Line, json.Unmarshal(k.Answer, &answer)
			}
			return err
		}
		var done Done
		if answer, done, err = fn(tx); err != nil {
			return err
		}
		if line = 0; !done.Nothing {
			line, err = audit.Append(tx, audit.Line{Actor: ask.By, Action: ask.Op, Subject: done.Subject, Detail: done.Detail})
		}
		if err != nil || req.Key == "" {
			return err
		}
		text, err := json.Marshal(answer)
		if err == nil {
			text, err = json.Marshal(kept{line, text})
		}
		if err != nil {
			return err
		}
		return tx.Answer(req, text)
	})
	fault.Point("ask.committed")
	if err == nil && line != 0 {
		err = p.signed(ctx, line)
	}
	fault.Point("ask.recorded")
	return answer, houvast.Wrap(op, err)
}

// recording refuses before anything is done when the log is known not to go on: what cannot be signed
// must not happen. A line that was committed and not signed is asked for again.
func (p *Pipeline) recording(ctx context.Context) error {
	if p.Recording != nil {
		if err := p.Recording(); err != nil {
			return houvast.Errorf("pipeline.recording", houvast.Unavailable, "audit-unwritable", "the audit log does not go on: %w", err).
				WithHint("nothing was done; houvast doctor says what is wrong with the log")
		}
	}
	line := p.unsigned.Load()
	if line == 0 {
		return nil
	}
	if err := p.Audit.Wait(ctx, line); err != nil {
		return err
	}
	p.unsigned.CompareAndSwap(line, 0)
	return nil
}

// signed waits until a line that was committed is under a signed checkpoint. When it is not, what it
// speaks of has happened all the same, so the answer is in doubt and never "not done".
func (p *Pipeline) signed(ctx context.Context, line int64) error {
	err := p.Audit.Wait(ctx, line)
	if err == nil || ctx.Err() != nil {
		return err
	}
	p.unsigned.Store(line)
	return houvast.Errorf("pipeline.signed", houvast.InDoubt, "recorded-unsigned", "it was done, and the audit log cannot be signed: %w", err).
		WithHint("nothing more is done until the log can be signed; houvast doctor says what is wrong")
}

// note writes the audit line of something that happened by itself.
func note(tx *store.Tx, room, what, subject string, detail map[string]string) error {
	_, err := audit.Append(tx, audit.Line{Actor: houvast.SystemActor(room), Action: what, Subject: subject, Detail: detail})
	return err
}
