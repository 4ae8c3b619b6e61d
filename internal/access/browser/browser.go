// Package browser says in two words which browser a request came from: enough for people to know their
// own sessions apart, and not enough to know a browser again.
package browser

import (
	"slices"
	"strings"
)

// A mark is a sign in a User-Agent and what it stands for. Many browsers name others too, so the
// first sign that is there counts.
type mark struct{ sign, name string }

var browsers = []mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
}

var systems = []mark{
	{"Windows", "Windows"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
}

// maxHeader bounds what is read of the header, in bytes.
const maxHeader = 512

// Describe names a browser in words of a closed list, such as "Firefox, Linux", so that people know
// their sessions apart in any language; "" when the list has none. No version and no other part of the
// header is in it: they would tell one person's browser from another's.
func Describe(userAgent string) string {
	userAgent = userAgent[:min(len(userAgent), maxHeader)]
	var words []string
	for _, list := range [...][]mark{browsers, systems} {
		if i := slices.IndexFunc(list, func(m mark) bool { return strings.Contains(userAgent, m.sign) }); i >= 0 {
			words = append(words, list[i].name)
		}
	}
	return strings.Join(words, ", ")
}

// Known reports whether Describe could have returned text.
func Known(text string) bool {
	first, second, both := strings.Cut(text, ", ")
	in := func(list []mark, name string) bool {
		return slices.ContainsFunc(list, func(m mark) bool { return m.name == name })
	}
	if both {
		return in(browsers, first) && in(systems, second)
	}
	return text == "" || in(browsers, text) || in(systems, text)
}
