package cybertip

import (
	"slices"
	"testing"

	"github.com/houvast/houvast"
)

func TestClean(t *testing.T) {
	r := Report{
		IncidentSummary: IncidentSummary{IncidentType: IncidentEnticement, Platform: "fine\ttext\n", IncidentDateTime: 1},
		InternetDetails: []InternetDetails{{ChatIM: &ChatIMIncident{Content: "a\x00b\x1fc"}}},
		Reporter:        Reporter{ReportingPerson: Person{Email: []Email{{Address: "a@b.example"}, {Address: "\xffa@b.example"}}}},
		Victim:          []Victim{{}, {Account: Account{DisplayName: []string{"ok", "x\ufffe"}}}},
		AdditionalInfo:  "cut\xc3",
	}
	_, err := Encode(r)
	if houvast.CodeOf(err) != "unclean-text" {
		t.Fatalf("unclean text was encoded: %v", err)
	}
	got := Clean(&r)
	want := []string{
		"/report/internetDetails[1]/chatImIncident/content",
		"/report/reporter/reportingPerson/email[2]",
		"/report/victim[2]/displayName[2]",
		"/report/additionalInfo",
	}
	if !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	for _, c := range [][2]string{
		{r.InternetDetails[0].ChatIM.Content, "a\ufffdb\ufffdc"},
		{r.Reporter.ReportingPerson.Email[1].Address, "\ufffda@b.example"},
		{r.Victim[1].DisplayName[1], "x\ufffd"},
		{r.AdditionalInfo, "cut\ufffd"},
		{r.IncidentSummary.Platform, "fine\ttext\n"},
	} {
		if c[0] != c[1] {
			t.Errorf("cleaned to %q, want %q", c[0], c[1])
		}
	}
	if again := Clean(&r); again != nil {
		t.Errorf("cleaned twice, changed %q", again)
	}
	if _, err := Encode(r); err != nil {
		t.Errorf("after cleaning: %v", err)
	}
	d := FileDetails{AdditionalInfo: []string{"a", "\x07"}}
	if got := CleanFileDetails(&d); !slices.Equal(got, []string{"/fileDetails/additionalInfo[2]"}) || d.AdditionalInfo[1] != "\ufffd" {
		t.Errorf("file: %q, %q", got, d.AdditionalInfo[1])
	}
}

// TestXMLRune checks the boundaries of the Char production one by one.
func TestXMLRune(t *testing.T) {
	for r, want := range map[rune]bool{0: false, 8: false, 9: true, 0xA: true, 0xB: false, 0xD: true, 0x1F: false, 0x20: true,
		0x7F: true, 0xD7FF: true, 0xD800: false, 0xDFFF: false, 0xE000: true, 0xFFFD: true, 0xFFFE: false, 0xFFFF: false,
		0x10000: true, 0x10FFFF: true, 0x110000: false, -1: false} {
		if xmlRune(r) != want {
			t.Errorf("%U: %v", r, !want)
		}
	}
}

func TestUnansweredIsNotWritten(t *testing.T) {
	r := Report{PersonOrUserReported: []PersonOrUserReported{{Standing: Standing{AccountPermanentlyDisabled: &PermanentlyDisabled{}}}}}
	if _, err := Encode(r); houvast.CodeOf(err) != "unanswered" {
		t.Errorf("an unanswered question was written: %v", err)
	}
}
