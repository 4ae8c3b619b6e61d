package site

import (
	"testing"
	"time"

	"github.com/houvast/houvast/internal/words"
)

// No time is told as nothing: what is shorter than a minute is told in seconds.
func TestSpan(t *testing.T) {
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 20 * time.Second: "20 seconds", time.Minute: "1 minute", 90 * time.Second: "90 seconds", 45 * time.Minute: "45 minutes",
		time.Hour: "1 hour", 90 * time.Minute: "90 minutes", 24 * time.Hour: "24 hours", 48 * time.Hour: "2 days", 49 * time.Hour: "49 hours",
		1600 * time.Millisecond: "2 seconds",
	} {
		if got := (&Page{Lang: words.EN, site: &Site{Words: texts}}).Span(d); got != want {
			t.Errorf("%s is told as %q, not %q", d, got, want)
		}
	}
}
