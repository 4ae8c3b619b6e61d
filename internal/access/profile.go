package access

import (
	"slices"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// A Choice is what an installation is and whose law it follows. It is made once: what was received
// under one law must not come under another by a changed flag.
type Choice struct {
	Profile      houvast.InstallationProfile `json:"profile"`
	Jurisdiction string                      `json:"jurisdiction"` // ISO 3166-1 alpha-2
	Chosen       time.Time                   `json:"chosen_at"`
}

// Chosen returns the choice; ok is false while there is none.
func Chosen(tx *store.Tx) (c Choice, ok bool, err error) {
	var at int64
	err = tx.Row("SELECT profile, jurisdiction, chosen FROM installation WHERE id = 1", nil, &c.Profile, &c.Jurisdiction, &at)
	if houvast.KindOf(err) == houvast.NotFound {
		return c, false, nil
	}
	c.Chosen = houvast.FromMicros(at)
	return c, err == nil, err
}

// Choose makes the choice. The same choice again is no error; another one is a Conflict.
func Choose(tx *store.Tx, profile houvast.InstallationProfile, jurisdiction string) (Choice, error) {
	const op = "access.Choose"
	if !slices.Contains(houvast.InstallationProfiles(), profile) {
		return Choice{}, houvast.Errorf(op, houvast.Invalid, "bad-profile", "there is no such profile").
			WithHint("the profiles are platform, hotline, helpline, police, practice")
	}
	if len(jurisdiction) != 2 || jurisdiction[0] < 'A' || jurisdiction[0] > 'Z' || jurisdiction[1] < 'A' || jurisdiction[1] > 'Z' {
		return Choice{}, houvast.Errorf(op, houvast.Invalid, "bad-jurisdiction", "a jurisdiction is two capital letters, such as NL")
	}
	have, ok, err := Chosen(tx)
	if err != nil {
		return have, err
	}
	if ok {
		if have.Profile != profile || have.Jurisdiction != jurisdiction {
			return have, houvast.Errorf(op, houvast.Conflict, "profile-set", "this installation is %s in %s, and stays it", have.Profile, have.Jurisdiction).
				WithHint("use another --data folder for another installation")
		}
		return have, nil
	}
	c := Choice{profile, jurisdiction, tx.Now()}
	_, err = tx.Exec("INSERT INTO installation (id, profile, jurisdiction, chosen) VALUES (1, $1, $2, $3)", profile, jurisdiction, houvast.Micros(c.Chosen))
	return c, err
}
