package casework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/review"
)

// A team of one is never told that somebody else looks or approves: not on the eight buttons, whatever the
// rule for drawn material, and not before the decision. A team of two is.
func TestAlone(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		others := map[string][]string{"en": {"omeone else", "second person", "omebody else"}, "nl": {"iemand anders", "tweede persoon"},
			"fr": {"autre personne", "deuxième personne"}, "de": {"jemand anderes", "zweite Person"}}
		for _, alone := range []bool{false, true} {
			r.Settings.SelfApproval = alone
			for lang, words := range others {
				anna.Lang = lang
				for _, rule := range []review.DrawnPolicy{{}, {Keep: true}, {Report: true}} {
					r.Settings.Drawn = rule
					_, buttons, _ := strings.Cut(anna.Get(at).Body, `class="decisions"`)
					named := false
					for _, w := range words {
						named = named || strings.Contains(strings.ToLower(buttons), strings.ToLower(w))
					}
					if named == alone || strings.Contains(buttons, "casework.") {
						t.Errorf("%s, alone %v, %+v: the buttons name another person: %v: %s", lang, alone, rule, named, buttons)
					}
				}
				r.Settings.Drawn = review.DrawnPolicy{}
				for _, d := range []houvast.Decision{houvast.DecideAbuse, houvast.DecideOwn} {
					_, page, _ := strings.Cut(anna.Post(at+"/decide", "decision", string(d), "role", "peer").Body, `id="effects-title"`)
					effects, _, _ := strings.Cut(page, "</ul>")
					named := false
					for _, w := range words {
						named = named || strings.Contains(strings.ToLower(effects), strings.ToLower(w))
					}
					if named == alone || strings.Contains(effects, "casework.") {
						t.Errorf("%s, alone %v, %s: what follows names another person: %v: %s", lang, alone, d, named, effects)
					}
				}
			}
		}
		anna.Lang = "en"
		r.Settings.Undo = 20 * time.Second // as in a visit of the demo
		says(t, "seconds", anna.Post(at+"/decide", "decision", "not_abuse"), "waiting time is over (20 seconds)")
	})
}
