package site

import (
	"net/http"
	"strings"
)

// A typedText is one that somebody wrote into a form that was not taken.
type typedText struct{ Name, Text string }

// free are the fields in which people write at length. No other field is ever given back here: what is in
// them is short, or a secret.
var free = [...]string{"words", "question", "incident_is"}

// maxTyped bounds what is given back of one field, in bytes: more than any of them may hold.
const maxTyped = 16 << 10

// typed returns what somebody wrote into a form that ends on the error page, so that it is not lost with
// the page that it was typed on, above all when their session has ended meanwhile. The form may not have
// been read yet: who is not let in is refused before that.
func (p *Page) typed() (all []typedText) {
	if p.R.Method != http.MethodPost || p.Op == "" || p.parse() != nil {
		return nil
	}
	for _, name := range free {
		text := p.R.PostForm.Get(name)
		if len(text) > maxTyped {
			text = text[:maxTyped]
		}
		if strings.TrimSpace(text) != "" {
			all = append(all, typedText{name, strings.ToValidUTF8(text, "")})
		}
	}
	return all
}

// parse reads the form of a request, bounded. A file that is sent is left to its route.
func (p *Page) parse() error {
	if strings.HasPrefix(p.R.Header.Get("Content-Type"), "multipart/form-data") {
		return nil
	}
	if p.R.PostForm == nil {
		p.R.Body = http.MaxBytesReader(p.W, p.R.Body, maxForm)
	}
	return p.R.ParseForm()
}
