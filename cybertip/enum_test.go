package cybertip_test

import (
	"slices"
	"testing"

	"github.com/houvast/houvast/cybertip"
)

type enum interface {
	~string
	Valid() bool
}

// listed checks that a list has n different values, each valid, and that a near miss is not.
func listed[T enum](t *testing.T, name string, n int, all []T) {
	t.Helper()
	unique := slices.Compact(slices.Sorted(slices.Values(all)))
	if len(all) != n || len(unique) != n {
		t.Errorf("%s: %d values, %d different, want %d", name, len(all), len(unique), n)
	}
	for _, v := range all {
		if !v.Valid() {
			t.Errorf("%s: %q is listed but not valid", name, v)
		}
		if (v + " ").Valid() || (v[:len(v)-1]).Valid() {
			t.Errorf("%s: a near miss of %q is valid", name, v)
		}
	}
	if T("").Valid() {
		t.Errorf("%s: the empty value is valid", name)
	}
}

// TestEnumerations holds the numbers of the schema of 2025-11-10.
func TestEnumerations(t *testing.T) {
	listed(t, "incident types", 8, cybertip.IncidentTypes())
	listed(t, "batch reasons", 1, cybertip.BatchReasons())
	listed(t, "events", 6, cybertip.EventNames())
	listed(t, "address types", 5, cybertip.AddressTypes())
	listed(t, "e-mail types", 4, cybertip.EmailTypes())
	listed(t, "phone types", 7, cybertip.PhoneTypes())
	listed(t, "account types", 6, cybertip.AccountTypes())
	listed(t, "relevances", 2, cybertip.Relevances())
	listed(t, "classifications", 4, cybertip.Classifications())
	listed(t, "details types", 2, cybertip.DetailsTypes())
	listed(t, "countries", 257, cybertip.Countries())
	listed(t, "states", 54, cybertip.States())
	keys := map[string]bool{}
	for _, v := range cybertip.IncidentTypes() {
		keys[v.Key()] = true
	}
	if len(keys) != 8 || keys[""] || cybertip.IncidentType("x").Key() != "" {
		t.Errorf("keys of the incident types: %v", keys)
	}
}
