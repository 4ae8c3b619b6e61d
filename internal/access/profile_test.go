package access

import (
	"slices"
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

func begin(wanted Choice, n NewUser) func(tx *store.Tx) error {
	return func(tx *store.Tx) error { _, _, _, err := Begin(tx, wanted, n); return err }
}

func (d desk) nobodyYet() (nobody bool) {
	d.Helper()
	d.update(func(tx *store.Tx) (err error) { nobody, err = NobodyYet(tx); return err })
	return nobody
}

// The first account and the choice are made together, once, and by nobody after them.
func TestBegin(t *testing.T) {
	each(t, func(d desk) {
		hotline := Choice{Profile: houvast.ProfileHotline, Jurisdiction: "NL"}
		anna := NewUser{"Anna", []Role{Reviewer, Approver}, goodHash()}
		for code, fn := range map[string]func(*store.Tx) error{
			"bad-profile":      begin(Choice{Jurisdiction: "NL"}, anna),
			"bad-jurisdiction": begin(Choice{Profile: houvast.ProfileHotline}, anna),
			"bad-roles":        begin(hotline, NewUser{"anna", []Role{Auditor}, goodHash()}), // an admin beside it
			"bad-name":         begin(hotline, NewUser{"anna maria", nil, goodHash()}),
			"internal":         begin(hotline, NewUser{"anna", nil, goodPassword}),
		} {
			d.refused(code, fn)
		}
		d.refused("bad-profile", begin(Choice{}, anna)) // nothing was chosen before
		d.update(func(tx *store.Tx) error {
			if _, ok, err := Chosen(tx); ok || err != nil {
				d.Errorf("a refusal left a choice: %v, %v", ok, err)
			}
			return nil
		})
		if !d.nobodyYet() {
			d.Fatal("a refusal left an account")
		}
		d.update(func(tx *store.Tx) error {
			u, c, chose, err := Begin(tx, hotline, anna)
			if u.Name != "anna" || !slices.Equal(u.Roles, []Role{Admin, Reviewer, Approver}) || !chose || c.Profile != hotline.Profile || c.Jurisdiction != "NL" {
				d.Errorf("%+v %+v %v", u, c, chose)
			}
			return err
		})
		if d.nobodyYet() {
			d.Fatal("after the first account there is nobody")
		}
		for _, again := range []func(*store.Tx) error{begin(hotline, NewUser{"bo", nil, goodHash()}), begin(Choice{}, NewUser{"bo", nil, goodHash()}),
			begin(Choice{Profile: houvast.ProfilePolice, Jurisdiction: "BE"}, NewUser{"bo", nil, goodHash()})} {
			if d.refused("setup-done", again); houvast.KindOf(d.w.Update(d.Context(), again)) != houvast.Gone {
				d.Error("beginning again is of another kind")
			}
		}
		// Control: what stands in the way is the enabled account.
		d.update(func(tx *store.Tx) error { _, err := tx.Exec("UPDATE access_user SET disabled = 1"); return err })
		d.update(begin(Choice{}, NewUser{"bo", nil, goodHash()}))
	})
}

// When the configuration has chosen, only the account is made, and no other choice is taken.
func TestBeginAfterTheChoice(t *testing.T) {
	each(t, func(d desk) {
		d.update(func(tx *store.Tx) error { _, err := Choose(tx, houvast.ProfilePlatform, "US"); return err })
		anna := NewUser{"anna", nil, goodHash()}
		d.refused("profile-set", begin(Choice{Profile: houvast.ProfileHotline, Jurisdiction: "US"}, anna))
		d.refused("profile-set", begin(Choice{Profile: houvast.ProfilePlatform, Jurisdiction: "NL"}, anna))
		d.update(func(tx *store.Tx) error {
			u, c, chose, err := Begin(tx, Choice{}, anna)
			if !slices.Equal(u.Roles, []Role{Admin}) || chose || c.Profile != houvast.ProfilePlatform {
				d.Errorf("%+v %+v %v", u, c, chose)
			}
			return err
		})
	})
}

// Of two who begin at the same moment one does.
func TestBeginAtOnce(t *testing.T) {
	each(t, func(d desk) {
		errs := make(chan error)
		for i := range 4 {
			go func() {
				errs <- d.w.Update(d.Context(), begin(Choice{Profile: houvast.ProfilePractice, Jurisdiction: "NL"}, NewUser{string(rune('a' + i)), nil, goodHash()}))
			}()
		}
		done, gone := 0, 0
		for range 4 {
			switch err := <-errs; {
			case err == nil:
				done++
			case houvast.CodeOf(err) == "setup-done":
				gone++
			default:
				d.Error(err)
			}
		}
		if done != 1 || gone != 3 {
			d.Errorf("%d began, %d were too late", done, gone)
		}
	})
}
