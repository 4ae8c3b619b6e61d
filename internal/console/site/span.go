package site

import "time"

// Span is a length of time in words, in the largest unit that it is whole in, to the second.
func (p *Page) Span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return p.Words().Plural(p.Lang, "count.days", int(d/(24*time.Hour)))
	case d >= time.Hour && d%time.Hour == 0:
		return p.Words().Plural(p.Lang, "count.hours", int(d/time.Hour))
	case d >= time.Minute && d%time.Minute == 0:
		return p.Words().Plural(p.Lang, "count.minutes", int(d/time.Minute))
	}
	return p.Words().Plural(p.Lang, "count.seconds", int(d.Round(time.Second)/time.Second))
}
