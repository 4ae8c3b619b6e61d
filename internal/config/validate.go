package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"github.com/houvast/houvast"
)

// Validate looks at the whole configuration, when every step has been laid over it. Its error is of
// kind Invalid, names the key and, when the value was set somewhere, the place.
func (c Config) Validate() error {
	for _, check := range []func(Config) *flaw{
		Config.checkIdentity, Config.checkDatabase, Config.checkListeners, Config.checkURLs, Config.checkTLS,
		Config.checkRecipients, Config.checkReporter, Config.checkRetention, Config.checkWithhold,
	} {
		if f := check(c); f != nil {
			return houvast.Errorf("config.Validate", houvast.Invalid, "config-value", "%s%s %s", c.place(f.key), shown(f.key), f.msg).WithHint("%s", f.hint)
		}
	}
	return nil
}

// place returns where a key was set, or else the table it belongs to, with a colon; "" when neither was.
func (c Config) place(key string) string {
	for ; key != ""; key, _, _ = cutLast(key) {
		if p := c.origin[key]; p != "" {
			return p + ": "
		}
	}
	return ""
}

// A flaw is one thing that is wrong with the whole.
type flaw struct{ key, msg, hint string }

func flawed(key, hint, format string, args ...any) *flaw {
	return &flaw{key, fmt.Sprintf(format, args...), hint}
}

func (c Config) checkIdentity() *flaw {
	switch {
	case c.Data == "":
		return flawed("data", "name a folder, such as /var/lib/houvast", "is empty")
	case (c.Profile == "") != (c.Jurisdiction == ""):
		set, missing := "profile", "jurisdiction"
		if c.Profile == "" {
			set, missing = missing, set
		}
		return flawed(set, "the two are chosen together, once", "is set and %s is not", missing)
	case c.Jurisdiction != "" && !isCountry(c.Jurisdiction):
		return flawed("jurisdiction", "use two capital letters of ISO 3166-1, such as NL or BE", "is not the code of a country")
	}
	return nil
}

// isCountry reports whether s is an ISO 3166-1 alpha-2 code as it is written: GB and not uk.
func isCountry(s string) bool {
	if len(s) != 2 {
		return false
	}
	r, err := language.ParseRegion(s)
	return err == nil && r.IsCountry() && r.Canonicalize().String() == s && s != "ZZ"
}

func (c Config) checkDatabase() *flaw {
	switch {
	case c.Database != "" && c.DatabaseFile != "":
		return flawed("database_file", "keep one of the two", "and database are both set")
	case c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://"):
		return flawed("database", "leave it empty for SQLite in the data folder", "must begin with postgres://")
	}
	return nil
}

// A surface is one of the three listeners with its address for browsers.
type surface struct {
	key, listen string
	urlKey, url string
}

func (c Config) surfaces() []surface {
	return []surface{
		{"listen", c.Listen, "url.console", c.URL.Console},
		{"public_listen", c.PublicListen, "url.public", c.URL.Public},
		{"media_listen", c.MediaListen, "url.media", c.URL.Media},
	}
}

func (c Config) checkListeners() *flaw {
	taken := map[string]string{}
	open := "" // a listener that other machines reach
	for _, s := range c.surfaces() {
		if s.listen == "" {
			continue
		}
		host, port, err := net.SplitHostPort(s.listen)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			return flawed(s.key, "write it as localhost:8080, or as :8080 for every address of this machine", "is not host:port")
		} else if other := taken[s.listen]; other != "" && n != 0 {
			return flawed(s.key, "give each a port of its own", "is the same as %s", other)
		}
		taken[s.listen] = s.key
		if !isLoopback(host) && open == "" {
			open = s.key
		}
	}
	if open == "" {
		return nil
	}
	if (c.TLS.CertFile == "" || c.TLS.KeyFile == "") && !c.Insecure {
		return flawed(open, "set [tls] cert_file and key_file, or let a proxy on this machine hold the certificate and listen on localhost; insecure = true allows plain http and shows in doctor",
			"can be reached from other machines, and there is no certificate")
	}
	for _, s := range c.surfaces() {
		if s.listen != "" && s.url == "" {
			return flawed(s.urlKey, "say how browsers reach it, such as https://houvast.example.org", "is missing, and %s can be reached from other machines", open)
		}
	}
	return nil
}

// isLoopback reports whether only this machine reaches a host. A name other than localhost is not
// looked up, as the answer could change; no name means every address.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (c Config) checkURLs() *flaw {
	hosts := map[string]string{}
	for _, s := range c.surfaces() {
		if s.url == "" {
			continue
		}
		u, f := webURL(s.urlKey, s.url, c.Insecure)
		if f != nil {
			return f
		}
		if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
			return flawed(s.urlKey, "write it as https://houvast.example.org", "has more than a scheme and a host")
		}
		hosts[s.urlKey] = u.Hostname()
	}
	if h := hosts["url.console"]; h != "" {
		if _, err := netip.ParseAddr(h); err == nil {
			return flawed("url.console", "use a host name, such as localhost", "is a number, and passkeys need a name")
		}
	}
	for _, other := range []string{"url.console", "url.public"} {
		if h := hosts["url.media"]; h != "" && h == hosts[other] {
			return flawed("url.media", "give renditions a host name of their own, such as media.example.org", "has the same host name as %s, so cookies would reach it", other)
		}
	}
	return nil
}

// webURL reads an address that begins with https, or with http where plain text is in order.
func webURL(key, text string, plain bool) (*url.URL, *flaw) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, flawed(key, "write it as https://host", "is not a web address")
	case u.User != nil:
		return nil, flawed(key, "credentials have keys of their own", "holds a user name or a password")
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		return nil, flawed(key, "use https", "is plain http to another machine")
	}
	return u, nil
}

func (c Config) checkTLS() *flaw {
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return flawed("tls", "a certificate needs its key, and a key its certificate", "has one of cert_file and key_file")
	}
	return nil
}

// clearinghouse is the two environments whose addresses everybody can know. A test credential that is
// called production, or the other way round, would file in earnest or in vain.
// Source: the CyberTipline Reporting API documentation, "Environments".
var clearinghouse = map[string]string{"report.cybertip.org": "production", "exttest.cybertip.org": "test"}

func (c Config) checkRecipients() *flaw {
	names := map[string]bool{}
	for i, r := range c.Recipients {
		at := fmt.Sprintf("recipient[%d]", i)
		wrongName := r.Name == "" || strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
		u, f := webURL(at+".url", r.URL, false)
		switch {
		case wrongName:
			return flawed(at+".name", "use small letters, digits and hyphens", "is missing or has other characters")
		case names[r.Name]:
			return flawed(at+".name", "give each environment of a body a name of its own", "is there twice")
		case r.Environment == "":
			return flawed(at+".environment", "say practice, test or production", "is missing")
		case f != nil:
			return f
		case r.Environment != "practice" && u.Scheme != "https":
			return flawed(at+".url", "use https", "is plain http, which is for practice only")
		case clearinghouse[u.Hostname()] != "" && clearinghouse[u.Hostname()] != r.Environment:
			return flawed(at+".environment", fmt.Sprintf("that address is the %s environment", clearinghouse[u.Hostname()]), "is %s, and the address is not", r.Environment)
		case r.Environment != "practice" && (r.User == "" || r.PasswordFile == ""):
			return flawed(at, "set user and password_file", "has no credential")
		case c.Profile == "practice" && r.Environment != "practice":
			return flawed(at+".environment", "a practice installation knows practice recipients only", "is %s, and the profile is practice", r.Environment)
		}
		names[r.Name] = true
	}
	return nil
}

func (c Config) checkReporter() *flaw {
	if r := c.Reporter; r.Email != "" {
		name, host, ok := strings.Cut(r.Email, "@")
		if !ok || name == "" || !strings.Contains(host, ".") || strings.ContainsAny(r.Email, " ,;<>\n") || strings.Contains(host, "@") {
			return flawed("reporter.email", "", "is not one mail address")
		}
	}
	if p := c.Reporter.Phone24h; p != "" {
		digits, ok := strings.CutPrefix(strings.ReplaceAll(p, " ", ""), "+")
		if _, err := strconv.ParseUint(digits, 10, 64); !ok || err != nil || len(digits) < 7 || len(digits) > 15 {
			return flawed("reporter.phone_24h", "write it as +31 20 123 4567", "is not an international telephone number")
		}
	}
	if c.Reporter.LegalURL != "" {
		if _, f := webURL("reporter.legal_url", c.Reporter.LegalURL, true); f != nil {
			return f
		}
	}
	return nil
}

func (c Config) checkRetention() *flaw {
	if r := c.Retention; r.Days == 0 && (r.Law != "" || r.Source != "") {
		return flawed("retention", "set days, or leave law and source out", "names a law and no days")
	}
	return nil
}

func (c Config) checkWithhold() *flaw {
	w := c.Withhold
	if w.Webhook != "" {
		if _, f := webURL("withhold.webhook", w.Webhook, false); f != nil {
			return f
		}
		if w.SecretFile == "" {
			return flawed("withhold.webhook", "set secret_file, so that the platform can tell our calls from others", "is set without a secret")
		}
	}
	if w.Enabled && w.Webhook == "" {
		return flawed("withhold.enabled", "set webhook and secret_file", "is true, but no webhook is set to withhold with")
	}
	return nil
}
