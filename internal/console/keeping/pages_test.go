package keeping_test

import (
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/words"
)

// Every page opens for whoever may, in every language, and says a whole sentence of that language; the
// pages are those that were registered.
func TestEveryPageOpens(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		n := 0
		for _, route := range r.Site.Routes() {
			if route.Method != "GET" || strings.Contains(route.Path, "{") || strings.Contains(route.Path, "/static/") || route.Op == "audit.export" {
				continue
			}
			for _, lang := range words.Langs() {
				who := ada
				if rule, _ := access.RuleFor(route.Op); !holds(rule.Roles, access.Admin) {
					who = otto
				}
				who.Lang = string(lang)
				page := sees(t, who, route.Path)
				if !strings.Contains(page.Body, `<html lang="`+string(lang)+`">`) {
					t.Errorf("%s is not in %s", route.Path, lang)
				}
				if at := strings.Index(page.Text(), "keeping."); at >= 0 {
					t.Errorf("%s in %s shows a key: %s", route.Path, lang, page.Text()[at:])
				}
				n++
			}
		}
		if n < 9*4 {
			t.Errorf("only %d pages were opened", n)
		}
		t.Logf("keeping: %d pages opened", n)
	})
}

func holds(roles []access.Role, role access.Role) bool {
	for _, r := range roles {
		if r == role {
			return true
		}
	}
	return false
}
