package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/store"
)

type demoCmd struct {
	Once bool   `help:"Walk through everything without a person, and exit 0 only if every step held."`
	JSON bool   `name:"json" help:"Print the outcome as one JSON object."`
	Data string `placeholder:"DIR" help:"Keep the data in DIR; a throw-away folder when left out."`

	// sabotage breaks one thing on purpose: the tests show that the demo notices. It is no flag.
	sabotage sabotage `kong:"-"`
}

// sabotage is what a test breaks, and when.
type sabotage struct {
	emptyBank    bool
	refusing     bool // the clearinghouse refuses
	beforeVerify func(data string) error
}

// Help is what --help says beyond the list of flags.
func (*demoCmd) Help() string {
	return `A throw-away installation with pictures drawn by code and a practice clearinghouse: nothing filed reaches anybody. ` +
		`It prints a link for each kind of user, with work waiting, and stays up until you stop it. With --once it walks by itself from upload to ` +
		`receipt to lawful destruction, as a platform, two reviewers, an approver and an auditor would, with a clock that it moves.`
}

// A demoResult is what --json prints. Every figure is read back: from the database by the commands,
// from the clearinghouse's own log, and by trying to open what was destroyed.
type demoResult struct {
	Items            int    `json:"items"`
	Matched          int    `json:"matched"`
	Missed           int    `json:"missed"`
	FalseMatches     int    `json:"false_matches"`
	CouldNotLook     int    `json:"could_not_look"`
	ReportsFinished  int    `json:"reports_finished"`
	PracticeFinished int    `json:"practice_finished"`
	Preserved        int    `json:"preserved"`
	Destroyed        int    `json:"destroyed"`
	Audit            string `json:"audit"`
	Engine           string `json:"engine"`
}

// A demo is one run.
type demo struct {
	*demoCmd
	e        *env
	data     string
	clock    *movedClock
	platform *fakePlatform
	house    clearinghouseLine
	server   *server
	people   map[string]string // name -> password
	result   demoResult
}

// Run walks the demo.
func (c *demoCmd) Run(ctx context.Context, e *env) (err error) {
	d := &demo{demoCmd: c, e: e, clock: &movedClock{base: store.NewSystemClock()}, people: map[string]string{}}
	if d.data = c.Data; d.data == "" {
		tmp, err := os.MkdirTemp("", "houvast-demo-")
		if err != nil {
			return houvast.Wrap("demo", err)
		}
		defer os.RemoveAll(tmp)
		d.data = filepath.Join(tmp, "data")
	}
	if d.data, err = filepath.Abs(d.data); err != nil {
		return houvast.Wrap("demo", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, err := d.setUp(ctx)
	defer stop()
	if err == nil && !c.Once {
		return d.visit(ctx)
	}
	if err == nil {
		err = d.walk(ctx)
	}
	if err == nil {
		err = d.tryDestroyed(ctx, stop)
	}
	if c.JSON {
		if err := e.printJSON(d.result); err != nil {
			return err
		}
	}
	if err == nil {
		err = d.judge()
	}
	return err
}

// say prints a line of the walk, unless only the outcome is wanted.
func (d *demo) say(format string, args ...any) {
	if !d.JSON {
		d.e.printf(format+"\n", args...) // an output that is gone is noticed at the end
	}
}

// setUp starts the clearinghouse in a process of its own, the platform that receives webhooks, and
// the same server as serve. The function it returns ends all of them, once.
func (d *demo) setUp(ctx context.Context) (stop func(), err error) {
	var ends []func()
	stop = sync.OnceFunc(func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	})
	if left, err := os.ReadDir(d.data); err == nil && len(left) > 0 {
		return stop, houvast.Errorf("demo", houvast.Conflict, "demo-data", "%s is not empty", d.data).
			WithHint("give the demo a folder of its own, or none")
	}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return stop, houvast.Wrap("demo", err)
	}
	d.say("A practice clearinghouse: nothing filed here reaches anybody.")
	end, err := d.startClearinghouse(ctx)
	ends = append(ends, end)
	if err != nil {
		return stop, err
	}
	d.platform = newFakePlatform()
	ends = append(ends, d.platform.close)
	cfg, err := d.config()
	if err != nil {
		return stop, err
	}
	d.say("The server, as houvast serve starts it, on data in %s", d.data)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	if d.server, err = startServer(ctx, cfg, d.clock, logger, []string{"api", "console", "work"}); err != nil {
		return stop, err
	}
	ends = append(ends, d.server.stop)
	d.result.Engine = string(d.server.app.db.Engine())
	return stop, nil
}

// config is what an operator would write for a platform with one recipient, the practice one.
func (d *demo) config() (config.Config, error) {
	cfg := config.Default()
	err := cfg.Environment(func(name string) (string, bool) {
		v := d.e.getenv(name)
		return v, v != "" && name == "HOUVAST_DATABASE"
	})
	if err != nil {
		return cfg, err
	}
	secret := filepath.Join(filepath.Dir(d.data), filepath.Base(d.data)+".webhook-secret")
	password := filepath.Join(filepath.Dir(d.data), filepath.Base(d.data)+".practice-password")
	for name, text := range map[string]string{secret: d.platform.secret, password: d.house.Password} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			return cfg, houvast.Wrap("demo", err)
		}
	}
	cfg.Data, cfg.Listen, cfg.PublicListen = d.data, "localhost:0", ""
	cfg.Profile, cfg.Jurisdiction = string(houvast.ProfilePractice), "US"
	cfg.Withhold = config.Withhold{Enabled: true, ExpiresHours: 72, Webhook: d.platform.url, SecretFile: secret}
	cfg.Recipients = []config.Recipient{{Name: "practice", Environment: "practice", URL: d.house.URL, User: d.house.User, PasswordFile: password}}
	cfg.Reporter = config.Reporter{Organisation: "Example Platform", FirstName: "Robin", LastName: "Example", Email: "trust@example.org",
		Phone24h: "+3225550100", LegalURL: "https://example.org/legal"}
	return cfg, cfg.Validate()
}

// A movedClock is the machine's clock with its calendar moved ahead. What is measured does not move.
type movedClock struct {
	base houvast.Clock
	mu   sync.Mutex
	by   time.Duration
}

// Now returns the moved time.
func (c *movedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Now().Add(c.by)
}

// Mono returns the unmoved hand.
func (c *movedClock) Mono() time.Duration { return c.base.Mono() }

// advance moves the calendar.
func (c *movedClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += d
}

// judge says whether every step held.
func (d *demo) judge() error {
	r := d.result
	switch {
	case r.Items != 16 || r.Matched != 10 || r.Missed != 0 || r.FalseMatches != 0 || r.CouldNotLook != 2:
		return broken("the matches are not those that were drawn")
	case r.ReportsFinished == 0 || r.ReportsFinished != r.PracticeFinished:
		return broken("the reports are not those that the clearinghouse has")
	case r.Preserved != r.ReportsFinished || r.Destroyed != r.Matched:
		return broken("not everything was preserved and destroyed as the law says")
	case r.Audit != "ok":
		return broken("the audit log is not sound")
	}
	d.say("\nEvery step held.")
	return nil
}

func broken(what string) error {
	return houvast.Errorf("demo", houvast.Corrupt, "demo-broken", "%s", what)
}

// unmarshalLines reads one JSON object a line.
func unmarshalLines[T any](text []byte) (all []T, err error) {
	for dec := json.NewDecoder(bytesReader(text)); ; {
		var v T
		if err := dec.Decode(&v); err == io.EOF {
			return all, nil
		} else if err != nil {
			return all, houvast.Errorf("demo", houvast.Internal, "", "a command printed what is no JSON: %w", err)
		}
		all = append(all, v)
	}
}
