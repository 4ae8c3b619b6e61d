package keeping_test

import (
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
)

const password = "a first password"

// An account is added with its roles, signs in with the password as it was typed, and is closed after
// one more question. No page and no table holds the password.
func TestStaff(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		typed := password + " " // a space is a sign like any other
		got := ada.Post("/console/staff", "name", "Bram", "roles", "reviewer", "roles", "approver", "password", typed, "repeat", typed)
		if got.Status != 303 || got.Location != "/console/staff" {
			t.Fatalf("adding an account gave %d to %q: %s", got.Status, got.Location, got.Text())
		}
		list := sees(t, ada, "/console/staff")
		says(t, "the list", list, "bram Reviewer, Approver", "ada Administrator", "otto Auditor")
		if in := where(r, password); len(in) != 0 {
			t.Errorf("the password is in %v", in)
		}
		if n := r.Number("SELECT COUNT(*) FROM audit_line WHERE action = 'users.add' AND actor = 'user:ada' AND subject = 'bram' AND detail = '{}'"); n != 1 {
			t.Errorf("%d lines about a new account", n)
		}
		_, _, err := r.SignIn(t.Context(), r.Gate, "bram", access.Secret(password), access.ClientOf("192.0.2.1:4000", ""))
		if err == nil {
			t.Error("a password without its last sign signs in")
		}
		token, _, err := r.SignIn(t.Context(), r.Gate, "bram", access.Secret(typed), access.ClientOf("192.0.2.1:4000", ""))
		if err != nil {
			t.Fatalf("the password as it was typed does not sign in: %v", err)
		}
		stays := func() bool { _, err := r.Who(t.Context(), token); return err == nil }

		bram := "/console/staff/" + id(t, list, "user", "bram")
		asked := ada.Post(bram + "/disable")
		status(t, "asking first", asked, 200)
		says(t, "asking first", asked, "Close the account of bram?", "for good")
		if !stays() || lines(r, "users.disable") != 0 {
			t.Fatal("being asked has closed the account")
		}
		if got := ada.Post(bram+"/signout", "once", "o-out"); got.Status != 303 || stays() || lines(r, "users.signout") != 1 {
			t.Fatalf("ending the sessions gave %d, and the session stays: %v", got.Status, stays())
		}
		if token, _, err = r.SignIn(t.Context(), r.Gate, "bram", access.Secret(typed), access.ClientOf("192.0.2.1:4000", "")); err != nil || !stays() {
			t.Fatalf("who was signed out cannot come back: %v", err)
		}
		if got := ada.Post(bram+"/disable", "sure", "yes"); got.Status != 303 || stays() || lines(r, "users.disable") != 1 {
			t.Fatalf("closing the account gave %d, and its session stays: %v", got.Status, stays())
		}
		list = sees(t, ada, "/console/staff")
		says(t, "the list", list, "bram Reviewer, Approver 2027-03-01 closed on 2027-03-01")
		if strings.Contains(list.Body, bram) {
			t.Error("a closed account has buttons")
		}
	})
}

// The last administrator stays, and reads why on the page.
func TestLastAdminStays(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		own := "/console/staff/" + id(t, sees(t, ada, "/console/staff"), "user", "ada") + "/disable"
		says(t, "asking first", ada.Post(own), "This is your own account")
		got := ada.Post(own, "sure", "yes")
		status(t, "the last administrator", got, 409)
		says(t, "the last administrator", got, "This is the last administrator", "Staff accounts")
		sees(t, ada, "/console/staff")
		if n := lines(r, "users.disable"); n != 0 {
			t.Errorf("%d lines about what did not happen", n)
		}
	})
}

// What cannot be is said at its field; the name and the roles stay as they were typed, the password never.
func TestStaffRefused(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		before := r.Number("SELECT COUNT(*) FROM access_user")
		for _, c := range []struct {
			what, field, said string
			code              int
			name              string
			roles             []string
			first, second     string
		}{
			{"two passwords", "repeat", "The two passwords are not the same", 400, "bram", []string{"reviewer"}, password, password + "s"},
			{"a short password", "password", "The password cannot be used", 400, "bram", []string{"reviewer"}, "short", "short"},
			{"the name as password", "password", "The password cannot be used", 400, "bram-the-reviewer", []string{"reviewer"}, "bram-the-reviewer", "bram-the-reviewer"},
			{"no role", "roles", "These roles do not go together", 400, "bram", nil, password, password},
			{"an auditor with another role", "roles", "These roles do not go together", 400, "bram", []string{"auditor", "reviewer"}, password, password},
			{"an unknown role", "roles", "These roles do not go together", 400, "bram", []string{"owner"}, password, password},
			{"a taken name", "name", "This name is taken", 409, "OTTO", []string{"reviewer"}, password, password},
			{"no name", "name", "This name cannot be used", 400, "", []string{"reviewer"}, password, password},
		} {
			form := []string{"name", c.name, "password", c.first, "repeat", c.second}
			for _, r := range c.roles {
				form = append(form, "roles", r)
			}
			got := ada.Post("/console/staff", form...)
			status(t, c.what, got, c.code)
			says(t, c.what, got, c.said)
			silent(t, c.what, got, `value="`+c.first+`" type="password"`, "a first password")
			if !strings.Contains(got.Body, `id="`+c.field+`-fault"`) {
				t.Errorf("%s is not said at the field %s", c.what, c.field)
			}
			if c.name != "" && !strings.Contains(got.Body, `value="`+c.name+`"`) {
				t.Errorf("%s: the name was not kept", c.what)
			}
		}
		for _, text := range hostile() {
			got := ada.Post("/console/staff", "name", text, "roles", "reviewer", "roles", text, "password", password, "repeat", password)
			status(t, "a hostile name and role", got, 400)
			escaped(t, got, text)
			got = ada.Post("/console/staff", "name", text, "roles", "reviewer", "password", password, "repeat", password)
			status(t, "a hostile name", got, 400)
			escaped(t, got, text)
		}
		status(t, "no such account", ada.Post("/console/staff/user_0000000000001/signout"), 404)
		status(t, "no id", ada.Post("/console/staff/bram/disable", "sure", "yes"), 400)
		if n := r.Number("SELECT COUNT(*) FROM access_user"); n != before {
			t.Errorf("%d accounts were made of nothing", n-before)
		}
	})
}

// A list that is longer than a page goes on, and comes back.
func TestStaffPages(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		hash, err := r.Gate.Hash(t.Context(), "x", consoletest.Password)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			if err := addUser(r, "person-"+string(rune('a'+i/10))+string(rune('0'+i%10)), hash); err != nil {
				t.Fatal(err)
			}
		}
		page := sees(t, ada, "/console/staff")
		seen := strings.Count(page.Body, "<b>person-")
		next := pager(page)
		if next == "" {
			t.Fatal("62 accounts stand on one page")
		}
		page = sees(t, ada, next)
		seen += strings.Count(page.Body, "<b>person-")
		if seen != 60 {
			t.Errorf("the two pages show %d of 60 people", seen)
		}
		if !strings.Contains(page.Body, `href="/console/staff">`+"Back to the beginning") {
			t.Error("the second page does not lead back")
		}
	})
}
