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

// NobodyYet reports whether no account is enabled: only then somebody may make the first one.
func NobodyYet(tx *store.Tx) (bool, error) {
	var n int
	err := tx.Row("SELECT COUNT(*) FROM (SELECT id FROM access_user WHERE disabled = 0 LIMIT 1) AS one", nil, &n)
	return err == nil && n == 0, houvast.Wrap("access.NobodyYet", err)
}

// Begin makes the first account and the choice in one transaction. The account is an admin, with what
// other roles n asks for: a team of one person is its own reviewer and approver. wanted may leave its
// profile and jurisdiction empty when the choice was made before, by the configuration; another
// choice than that is refused as Choose does. chose is false when the choice stood already.
//
// Once any account is enabled it is Gone, code setup-done.
func Begin(tx *store.Tx, wanted Choice, n NewUser) (u User, c Choice, chose bool, err error) {
	const op = "access.Begin"
	nobody, err := NobodyYet(tx)
	if err == nil && !nobody {
		err = houvast.Errorf(op, houvast.Gone, "setup-done", "this installation has its first account").
			WithHint("sign in, or ask an admin for an account")
	}
	if err != nil {
		return u, c, false, err
	}
	c, stood, err := Chosen(tx)
	if err != nil {
		return u, c, false, houvast.Wrap(op, err)
	}
	if !stood || wanted.Profile != "" || wanted.Jurisdiction != "" {
		if c, err = Choose(tx, wanted.Profile, wanted.Jurisdiction); err != nil {
			return u, c, false, err
		}
	}
	n.Roles = append([]Role{Admin}, n.Roles...)
	u, err = AddUser(tx, n)
	return u, c, !stood, err
}
