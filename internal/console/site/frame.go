package site

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/words"
)

//go:generate go tool esbuild ../../../web/console/console.ts --bundle --minify --target=es2022 --charset=utf8 --legal-comments=none --outfile=static/console.js

//go:embed frame.html error.html static
var files embed.FS

// frame parses the frame for each language and serves the style and the script.
func (s *Site) frame() {
	for _, lang := range words.Langs() {
		t, err := template.New("frame").Funcs(s.funcs(lang)).ParseFS(files, "frame.html")
		if err != nil {
			s.fail("the frame: %w", err)
			return
		}
		s.sets[lang] = map[string]*template.Template{"": t}
	}
	only, err := fs.Sub(files, ".")
	if err == nil {
		err = s.addPage(only, "error.html", nil)
	}
	if err != nil {
		s.fail("the frame: %w", err)
	}
	for _, name := range []string{"console.css", "console.js", "favicon.svg"} {
		s.static(name)
	}
}

// types are the media types of what static serves.
var types = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static serves a file under its name. The address in pages carries its digest, so it may be kept.
func (s *Site) static(name string) {
	data, err := files.ReadFile("static/" + name)
	if err != nil {
		s.fail("%s: %w", name, err)
		return
	}
	s.Get("console.public", "/console/static/"+name, func(p *Page) error {
		p.W.Header().Set("Content-Type", types[path.Ext(name)])
		if p.R.URL.RawQuery != "" {
			p.W.Header().Set("Cache-Control", "max-age=31536000, immutable")
		}
		_, err := p.W.Write(data)
		return ignoreGone(err)
	})
}

// Pages adds the templates of a package: each .html is a page under its name without the ending; one
// that begins with an underscore is a part that the others may use.
func (s *Site) Pages(of fs.FS) {
	names, err := fs.Glob(of, "*.html")
	if err != nil {
		s.fail("the templates: %w", err)
		return
	}
	var parts, pages []string
	for _, n := range names {
		if strings.HasPrefix(n, "_") {
			parts = append(parts, n)
		} else {
			pages = append(pages, n)
		}
	}
	for _, n := range pages {
		if err := s.addPage(of, n, parts); err != nil {
			s.fail("%s: %w", n, err)
		}
	}
}

func (s *Site) addPage(of fs.FS, file string, parts []string) error {
	name := strings.TrimSuffix(file, ".html")
	for _, lang := range words.Langs() {
		if s.sets[lang][name] != nil {
			return houvast.Errorf("site.Pages", houvast.Internal, "", "two pages are called %q", name)
		}
		t, err := s.sets[lang][""].Clone()
		if err == nil {
			t, err = t.ParseFS(of, append([]string{file}, parts...)...)
		}
		if err != nil {
			return err
		}
		s.sets[lang][name] = t
	}
	return nil
}

// framed is what frame.html is about.
type framed struct {
	Lang     words.Lang
	Langs    []words.Lang
	Name     string // of the template
	Path     string
	Signed   string // who is signed in
	Nav      []navLink
	Practice bool
	Alone    bool // a team of one
	Texts    string
	Media    string
	Data     any
}

type navLink struct {
	Path, Key string
	Here      bool
}

func (p *Page) frameOf(name string, data any) framed {
	f := framed{Lang: p.Lang, Langs: words.Langs(), Name: name, Path: Next(p.R.URL.RequestURI()), Practice: p.site.Profile() == string(houvast.ProfilePractice),
		Alone: p.site.SinglePerson, Media: p.site.Origins().Media, Data: data}
	if p.R.Method != http.MethodGet {
		f.Path = p.back()
	}
	texts, err := json.Marshal(p.site.Words.Below(p.Lang, "script"))
	if err == nil {
		f.Texts = string(texts)
	}
	if p.Who.Actor == "" {
		return f
	}
	f.Signed = strings.TrimPrefix(string(p.Who.Actor), "user:")
	for _, l := range p.site.nav {
		if p.May(l.Op) {
			f.Nav = append(f.Nav, navLink{l.Path, l.Key, p.R.URL.Path == l.Path})
		}
	}
	return f
}

// funcs is what a template may say.
func (s *Site) funcs(lang words.Lang) template.FuncMap {
	return template.FuncMap{
		"t":     func(key string, args ...any) string { return s.Words.Text(lang, key, args...) },
		"n":     func(key string, n int, args ...any) string { return s.Words.Plural(lang, key, n, args...) },
		"why":   func(reason string) string { return s.Words.Reason(lang, reason) },
		"time":  showTime,
		"day":   func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"rfc":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"bytes": func(n int64) string { return showBytes(n) },
		"name":  func(a any) string { return strings.TrimPrefix(fmt.Sprint(a), "user:") },
		"once":  func() string { return houvast.RandomText("o", 26) },
		"text":  func(v any) string { return fmt.Sprint(v) },
		"asset": asset,
		"dict":  dict,
	}
}

// showTime is a moment to the minute, the same in every language. Nobody has to guess a zone.
func showTime(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func showBytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// asset is the address of a static file with the digest of what is in it.
func asset(name string) (string, error) {
	data, err := files.ReadFile("static/" + name)
	sum := sha256.Sum256(data)
	return "/console/static/" + name + "?" + hex.EncodeToString(sum[:6]), err
}

// dict gives a part of a template several things under names.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		k, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %d is no text", i)
		}
		m[k] = pairs[i+1]
	}
	return m, nil
}
