package cybertip

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

const (
	head    = `<report><incidentSummary><incidentType>Child Sex Trafficking</incidentType>`
	summary = head + `<incidentDateTime>2026-11-01T10:00:00Z</incidentDateTime></incidentSummary>`
	tail    = `<reporter><reportingPerson/></reporter></report>`
	named   = `<reporter><reportingPerson/></reporter><personOrUserReported>`
	fileTop = `<fileDetails><reportId>1</reportId><fileId>a</fileId>`
)

// annotated is a report with marks.
func annotated(marks string) string {
	return head + `<reportAnnotations>` + marks + `</reportAnnotations><incidentDateTime>2026-11-01T10:00:00Z</incidentDateTime></incidentSummary>` + tail
}

// TestDecodeReport names documents of the corpus that was tried against the service's own schema,
// and documents that only an enemy writes. where is the expected outcome; "careless" marks what
// encoding/xml by itself would take, which shows that the walk is needed.
func TestDecodeReport(t *testing.T) {
	careless := 0
	for _, c := range []struct {
		name, doc string
		ok        bool
	}{
		{"type, time and an empty person", summary + tail, true},
		{"with a prolog", `<?xml version="1.0" encoding="UTF-8"?>` + summary + tail, true},
		{"schema location", strings.Replace(summary, "<report>", `<report xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="https://report.cybertip.org/ispws/xsd">`, 1) + tail, true},
		{"flag empty", annotated(`<spam/>`), true},
		{"flag true", annotated(`<spam>true</spam>`), true},
		{"flags in any order", annotated(`<spam/><sextortion/>`), true},
		{"two reported", summary + named + `</personOrUserReported><personOrUserReported></personOrUserReported></report>`, true},
		{"associated account", summary + named + `<associatedAccount type="Linked"/></personOrUserReported></report>`, true},
		{"foreign legal process", summary + `<lawEnforcement><agencyName>x</agencyName><servedLegalProcessInternational fleaCountry="BE">true</servedLegalProcessInternational></lawEnforcement>` + tail, true},
		{"disabled with dates", summary + named + `<accountTemporarilyDisabled disabledDate="2026-11-01T10:00:00+01:00" userNotified="0">1</accountTemporarilyDisabled></personOrUserReported></report>`, true},
		{"empty victim", summary + `<reporter><reportingPerson/></reporter><victim><victimPerson/></victim></report>`, true},
		{"batch", strings.Replace(summary, "<report>", `<report><batchedReport reason="VIRAL_POTENTIAL_MEME"/>`, 1) + tail, true},
		{"empty chat", summary + `<internetDetails><chatImIncident/></internetDetails>` + tail, true},

		{"flag 1", annotated(`<spam>1</spam>`), false},
		{"flag false", annotated(`<spam>false</spam>`), false},
		{"flag twice", annotated(`<spam/><spam/>`), false},
		{"later element", annotated(`<informational/>`), false},
		{"reporter first", `<report><reporter><reportingPerson/></reporter>` + strings.TrimPrefix(summary, "<report>") + `</report>`, false},
		{"age assertion", summary + named + `<personOrUserReportedPerson><age>1</age><ageAssertionDiscrepancy>true</ageAssertionDiscrepancy></personOrUserReportedPerson></personOrUserReported></report>`, false},
		{"wrong attribute", summary + named + `<associatedAccount accountType="Linked"/></personOrUserReported></report>`, false},
		{"country in the wrong place", summary + `<lawEnforcement fleaCountry="BE"><agencyName>x</agencyName></lawEnforcement>` + tail, false},
		{"victim without person", summary + `<reporter><reportingPerson/></reporter><victim/></report>`, false},
		{"device without value", summary + named + `<deviceId><idType>IMEI</idType></deviceId></personOrUserReported></report>`, false},
		{"time without zone", strings.Replace(summary, "10:00:00Z", "10:00:00", 1) + tail, false},
		{"no time", head + `</incidentSummary>` + tail, false},

		{"document type", `<!DOCTYPE report>` + summary + tail, false},
		{"entity", `<!DOCTYPE report [<!ENTITY a "b">]>` + summary + `<additionalInfo>&a;</additionalInfo>` + tail, false},
		{"instruction", summary + `<?do it?>` + tail, false},
		{"two roots", summary + tail + summary + tail, false},
		{"text after the end", summary + tail + "x", false},
		{"text between", summary + "x" + tail, false},
		{"other root", `<reports></reports>`, false},
		{"empty", ``, false},
		{"namespace", strings.Replace(summary, "<report>", `<report xmlns="urn:x">`, 1) + tail, false},
		{"prefix", strings.Replace(summary+tail, "reporter>", "x:reporter>", 2), false},
		{"twice", strings.Replace(summary, "<incidentType>", "<incidentType>x</incidentType><incidentType>", 1) + tail, false},
		{"attribute twice", summary + named + `<associatedAccount type="Linked" type="Other"/></personOrUserReported></report>`, false},
		{"tags crossed", summary + `<reporter><reportingPerson></reporter></reportingPerson></report>`, false},
		{"cut", (summary + tail)[:len(summary)+12], false},
		{"not closed", strings.TrimSuffix(summary+tail, "</report>"), false},
		{"deep", summary + strings.Repeat("<a>", 10_000), false},
		{"empty age", summary + named + `<personOrUserReportedPerson><age></age></personOrUserReportedPerson></personOrUserReported></report>`, false},
		{"control character", summary + `<reporter><reportingPerson><firstName>&#1;</firstName></reportingPerson></reporter></report>`, false},
		{"bad UTF-8", summary + "<reporter><reportingPerson><firstName>\xff</firstName></reportingPerson></reporter></report>", false},
	} {
		r, err := Decode([]byte(c.doc))
		if (err == nil) != c.ok {
			t.Errorf("%s: ok %v, want %v: %v", c.name, err == nil, c.ok, err)
		}
		if err != nil {
			if houvast.KindOf(err) != houvast.Invalid {
				t.Errorf("%s: kind %v", c.name, houvast.KindOf(err))
			}
			var zero Report
			if r.IncidentSummary != zero.IncidentSummary {
				t.Errorf("%s: refused, yet something was filled in", c.name)
			}
			if xml.Unmarshal([]byte(c.doc), new(Report)) == nil {
				careless++
			}
		}
	}
	if careless < 10 {
		t.Errorf("encoding/xml alone would take only %d of the refused documents; the control is gone", careless)
	}
	t.Logf("encoding/xml alone would take %d of the refused documents", careless)
}

func TestDecodeFile(t *testing.T) {
	const ip = `<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress></ipCaptureEvent>`
	for _, c := range []struct {
		name, doc string
		ok        bool
	}{
		{"least", fileTop + `</fileDetails>`, true},
		{"supplemental with classification", fileTop + `<fileRelevance>Supplemental Reported</fileRelevance><industryClassification>A1</industryClassification></fileDetails>`, true},
		{"EXIF without view", fileTop + `<exifViewedByEsp>true</exifViewedByEsp></fileDetails>`, true},
		{"two addresses", fileTop + ip + ip + `</fileDetails>`, false},
		{"address before classification", fileTop + ip + `<industryClassification>A1</industryClassification></fileDetails>`, false},
		{"pair with type", fileTop + `<details><nameValuePair type="EXIF"><name>a</name><value>b</value></nameValuePair></details></fileDetails>`, false},
		{"hash without type", fileTop + `<originalFileHash>00</originalFileHash></fileDetails>`, false},
		{"no pair", fileTop + `<details/></fileDetails>`, false},
		{"no id", `<fileDetails><reportId>1</reportId></fileDetails>`, false},
		{"empty number", `<fileDetails><reportId></reportId><fileId>a</fileId></fileDetails>`, false},
		{"no number", `<fileDetails><reportId>a</reportId><fileId>a</fileId></fileDetails>`, false},
	} {
		if _, err := DecodeFileDetails([]byte(c.doc)); (err == nil) != c.ok {
			t.Errorf("%s: ok %v, want %v: %v", c.name, err == nil, c.ok, err)
		}
	}
}

func TestDecodeBound(t *testing.T) {
	_, err := Decode(make([]byte, MaxDocument+1))
	if houvast.KindOf(err) != houvast.TooLarge {
		t.Errorf("a document over the bound gave %v", err)
	}
	r := Report{AdditionalInfo: strings.Repeat("a", MaxDocument)}
	if _, err := Encode(r); houvast.KindOf(err) != houvast.TooLarge {
		t.Errorf("encoding over the bound gave %v", err)
	}
}

// A refusal must not carry what the document says.
func TestDecodeErrorsHoldNoContent(t *testing.T) {
	const secret = "sentinel"
	for _, doc := range []string{
		summary + `<` + secret + `/>` + tail,
		summary + secret + tail,
		`<` + secret + `/>`,
		strings.Replace(summary, "2026-11-01T10:00:00Z", secret, 1) + tail,
		annotated(`<spam>` + secret + `</spam>`),
		summary + named + `<thirdPartyUserReported>` + secret + `</thirdPartyUserReported></personOrUserReported></report>`,
		summary + named + `<priorCTReports>` + secret + `</priorCTReports></personOrUserReported></report>`,
		`<?` + secret + `?>` + summary + tail,
		summary + `<!-- ` + secret,
		summary + `<a b=` + secret,
	} {
		_, err := Decode([]byte(doc))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(summary + tail))
	f.Add([]byte(annotated(`<spam/>`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil && houvast.KindOf(err) == houvast.TooLarge {
			return // escapes made it longer
		}
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		if back, err := Decode(again); err != nil {
			t.Fatalf("%v\n%s", err, again)
		} else if third, _ := Encode(back); string(third) != string(again) {
			t.Fatal("not stable")
		}
	})
}
