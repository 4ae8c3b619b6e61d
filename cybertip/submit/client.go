package submit

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// An Environment is one installation of the service. Reports and ids do not cross between them.
type Environment string

// The environments.
const (
	Practice   Environment = "practice"   // the practice clearinghouse, on loopback only
	Test       Environment = "test"       // the service's own test system; reports are discarded
	Production Environment = "production" // reports reach people
)

// Environments returns all of them.
func Environments() []Environment { return []Environment{Practice, Test, Production} }

// BaseURL returns the address of the service in e, nil for practice, whose port is chosen when it
// starts.
func (e Environment) BaseURL() *url.URL {
	switch e {
	case Test:
		return &url.URL{Scheme: "https", Host: "exttest.cybertip.org", Path: "/ispws"}
	case Production:
		return &url.URL{Scheme: "https", Host: "report.cybertip.org", Path: "/ispws"}
	}
	return nil
}

// A Client speaks to one environment. It is safe for concurrent use.
type Client struct {
	env            Environment
	base           url.URL
	user, password string
	http           http.Client
	timeout        time.Duration
}

// An Option changes a client.
type Option func(*Client)

// WithTimeout bounds each call; the default is one minute. An upload gets a second more for every
// 64 KiB. The deadline of the caller's context holds as well.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// New returns a client. The base address must belong to env: exactly that of [Environment.BaseURL],
// or a loopback host for practice. The HTTP client is copied; its redirect rule and cookie jar are
// not used. Everything that is wrong is Invalid, code "bad-client".
func New(env Environment, base *url.URL, user, password string, hc *http.Client, opts ...Option) (*Client, error) {
	const op = "submit.New"
	if base == nil || hc == nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-client", "the client needs an address and an HTTP client")
	}
	if user == "" || password == "" || strings.Contains(user, ":") || strings.ContainsFunc(user+password, control) {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-client", "the user name or the password cannot be used").
			WithHint("set the credentials that belong to the %s environment", env)
	}
	if !belongs(env, base) {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-client", "the address does not belong to the environment").
			WithHint("production and test have one fixed https address each, practice only a loopback host")
	}
	c := &Client{env: env, user: user, password: password, http: *hc, timeout: time.Minute,
		base: url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimSuffix(base.Path, "/")}}
	c.http.Jar = nil
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, o := range opts {
		o(c)
	}
	return c, nil
}

// Environment returns what the client is bound to.
func (c *Client) Environment() Environment { return c.env }

func belongs(env Environment, u *url.URL) bool {
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || u.RawPath != "" {
		return false
	}
	if env == Practice {
		return (u.Scheme == "http" || u.Scheme == "https") && loopback(u.Hostname())
	}
	want := env.BaseURL()
	return want != nil && u.Scheme == want.Scheme && strings.EqualFold(u.Hostname(), want.Host) &&
		(u.Port() == "" || u.Port() == "443") && strings.TrimSuffix(u.Path, "/") == want.Path
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func control(r rune) bool { return r < 0x20 || r == 0x7F }
