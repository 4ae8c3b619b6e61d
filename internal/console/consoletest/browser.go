package consoletest

import (
	"encoding/hex"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// Password is everybody's.
const Password = access.Secret("four words that rhyme")

// A Visitor is a person with a browser: it keeps cookies, and says what a browser says of itself.
type Visitor struct {
	r       *Rig
	Name    string
	Token   access.Secret
	Cookies map[string]string
	Lang    string
}

// Visitor is somebody who has not signed in.
func (r *Rig) Visitor() *Visitor { return &Visitor{r: r, Cookies: map[string]string{}, Lang: "en"} }

// Hire makes an account and signs it in.
func (r *Rig) Hire(name string, roles ...access.Role) *Visitor {
	r.T.Helper()
	ctx := r.T.Context()
	hash, err := r.Gate.Hash(ctx, name, Password)
	r.must(err)
	_, err = r.AddUser(ctx, pipeline.Ask{By: "cli:0", Op: "users.add"}, access.NewUser{Name: name, Roles: roles, Password: hash})
	r.must(err)
	token, _, err := r.SignIn(ctx, r.Gate, name, Password, access.ClientOf("192.0.2.1:4000", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"))
	r.must(err)
	v := r.Visitor()
	v.Name, v.Token = name, token
	v.Cookies[site.SessionCookie] = string(token)
	return v
}

// A Reply is what came back.
type Reply struct {
	Status   int
	Location string
	Header   http.Header
	Body     string
}

// Text is what a reader reads: the body without its markup.
func (p Reply) Text() string {
	body := regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`).ReplaceAllString(p.Body, " ")
	return strings.Join(strings.Fields(html.UnescapeString(body)), " ")
}

// Do sends a request as it is, with the visitor's cookies, and keeps those of the answer.
func (v *Visitor) Do(req *http.Request) Reply {
	for name, value := range v.Cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if req.Header.Get("Accept-Language") == "" {
		req.Header.Set("Accept-Language", v.Lang)
	}
	rec := httptest.NewRecorder()
	v.r.handler.ServeHTTP(rec, req)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(v.Cookies, c.Name)
		} else {
			v.Cookies[c.Name] = c.Value
		}
	}
	return Reply{rec.Code, rec.Header().Get("Location"), rec.Header(), rec.Body.String()}
}

// Get opens a page.
func (v *Visitor) Get(path string) Reply {
	return v.Do(httptest.NewRequestWithContext(v.r.T.Context(), "GET", Origin+path, nil))
}

// Post sends a form of ours. fields are names and values in turn.
func (v *Visitor) Post(path string, fields ...string) Reply {
	return v.Do(v.form(path, fields))
}

// Script sends a form as the script of a page does, and gets JSON.
func (v *Visitor) Script(path string, fields ...string) Reply {
	req := v.form(path, fields)
	req.Header.Set("Accept", "application/json")
	return v.Do(req)
}

func (v *Visitor) form(path string, fields []string) *http.Request {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	req := httptest.NewRequestWithContext(v.r.T.Context(), "POST", Origin+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", Origin)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}
