package access

import (
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// The choice is made once. The same again is no error, another one is, and none of it moves the first.
func TestChoiceIsMadeOnce(t *testing.T) {
	each(t, func(d desk) {
		choose := func(p houvast.InstallationProfile, law string) func(*store.Tx) error {
			return func(tx *store.Tx) error { _, err := Choose(tx, p, law); return err }
		}
		d.update(func(tx *store.Tx) error {
			c, ok, err := Chosen(tx)
			if ok || c.Profile != "" {
				d.Errorf("chosen before the choice: %+v", c)
			}
			return err
		})
		for _, law := range []string{"", "nl", "NLD", "N1", "N", "\u00c9A"} {
			d.refused("bad-jurisdiction", choose(houvast.ProfileHotline, law))
		}
		for _, p := range []houvast.InstallationProfile{"", "Hotline", "bank"} {
			d.refused("bad-profile", choose(p, "NL"))
		}
		at := d.clock.Now()
		d.update(choose(houvast.ProfileHotline, "NL"))
		d.clock.Advance(time.Second)
		d.update(choose(houvast.ProfileHotline, "NL"))
		d.refused("profile-set", choose(houvast.ProfilePlatform, "NL"))
		d.refused("profile-set", choose(houvast.ProfileHotline, "BE"))
		d.update(func(tx *store.Tx) error {
			c, ok, err := Chosen(tx)
			if !ok || c != (Choice{houvast.ProfileHotline, "NL", at}) {
				d.Errorf("%+v", c)
			}
			return err
		})
	})
}
