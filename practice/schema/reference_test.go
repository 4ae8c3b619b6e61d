package schema

import (
	"strings"
	"testing"
)

// The documents of section 1.8, by the words used there.
const (
	headXML   = `<report><incidentSummary><incidentType>Child Sex Tourism</incidentType><incidentDateTime>2026-01-02T03:04:05Z</incidentDateTime></incidentSummary>`
	reporter  = `<reporter><reportingPerson/></reporter>`
	fileHead  = `<fileDetails><reportId>7</reportId><fileId>0123456789abcdef0123456789abcdef</fileId>`
	enticeXML = `<report><incidentSummary><incidentType>Online Enticement of Children for Sexual Acts</incidentType>%<incidentDateTime>2026-01-02T03:04:05Z</incidentDateTime></incidentSummary>` + reporter + `</report>`
)

// annotated returns a report with that content in reportAnnotations.
func annotated(flags string) string {
	return strings.Replace(enticeXML, "%", "<reportAnnotations>"+flags+"</reportAnnotations>", 1)
}

// after returns a minimal report with more behind the reporter.
func after(more string) string { return headXML + reporter + more + `</report>` }

// before returns a minimal report with more in front of the reporter.
func before(more string) string { return headXML + more + reporter + `</report>` }

func file(more string) string { return fileHead + more + `</fileDetails>` }

var reference = []struct {
	name, doc string
	pass      bool
}{
	{"only type, time and an empty reportingPerson", after(""), true},
	{"flag as <spam/>", annotated("<spam/>"), true},
	{"flag as <spam>true</spam>", annotated("<spam>true</spam>"), true},
	{"flags in any order", annotated("<spam/><sextortion/>"), true},
	{"two personOrUserReported", after("<personOrUserReported/><personOrUserReported/>"), true},
	{"associatedAccount type=", after(`<personOrUserReported><associatedAccount type="Parent/Guardian"/></personOrUserReported>`), true},
	{"fleaCountry on servedLegalProcessInternational", before(`<lawEnforcement><agencyName>A</agencyName><servedLegalProcessInternational fleaCountry="BE">true</servedLegalProcessInternational></lawEnforcement>`), true},
	{"disabled attributes", after(`<personOrUserReported><accountTemporarilyDisabled disabledDate="2026-01-02T03:04:05Z" userNotified="true" userNotifiedDate="2026-01-02T03:04:05Z" reenabledDate="2026-01-03T03:04:05Z">true</accountTemporarilyDisabled><accountPermanentlyDisabled disabledDate="2026-01-02T03:04:05Z" userNotified="false" userNotifiedDate="2026-01-02T03:04:05Z">false</accountPermanentlyDisabled></personOrUserReported>`), true},
	{"empty victimPerson", after("<victim><victimPerson/></victim>"), true},
	{"batchedReport", strings.Replace(after(""), "<report>", `<report><batchedReport reason="VIRAL_POTENTIAL_MEME"/>`, 1), true},
	{"empty chatImIncident", before("<internetDetails><chatImIncident/></internetDetails>"), true},
	{"zoneless dateTime", strings.Replace(after(""), "05Z", "05", 1), true},
	{"supplemental and classification", file("<fileRelevance>Supplemental Reported</fileRelevance><industryClassification>A1</industryClassification>"), true},
	{"exif without viewed", file("<exifViewedByEsp>true</exifViewedByEsp>"), true},
	{"empty fileRelevance takes its default", file("<fileRelevance/>"), true},
	{"schema location on the root", strings.Replace(after(""), "<report>", `<report xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="https://report.cybertip.org/ispws/xsd">`, 1), true},

	{"flag 1", annotated("<spam>1</spam>"), false},
	{"flag false", annotated("<spam>false</spam>"), false},
	{"informational", annotated("<informational/>"), false},
	{"incident type ending in Act", strings.Replace(annotated("<spam/>"), "Acts<", "Act<", 1), false},
	{"reporter before incidentSummary", "<report>" + reporter + strings.TrimPrefix(headXML, "<report>") + "</report>", false},
	{"ageAssertionDiscrepancy", after("<victim><victimPerson><age>12</age><ageAssertionDiscrepancy>true</ageAssertionDiscrepancy></victimPerson></victim>"), false},
	{"associatedAccount accountType=", after(`<personOrUserReported><associatedAccount accountType="Linked"/></personOrUserReported>`), false},
	{"fleaCountry on lawEnforcement", before(`<lawEnforcement fleaCountry="BE"><agencyName>A</agencyName></lawEnforcement>`), false},
	{"victim without victimPerson", after("<victim/>"), false},
	{"two incidents in one internetDetails", before("<internetDetails><chatImIncident/><webPageIncident/></internetDetails>"), false},
	{"two ipCaptureEvent in fileDetails", file("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress></ipCaptureEvent><ipCaptureEvent><ipAddress>192.0.2.2</ipAddress></ipCaptureEvent>"), false},
	{"ipCaptureEvent before industryClassification", file("<ipCaptureEvent><ipAddress>192.0.2.1</ipAddress></ipCaptureEvent><industryClassification>A1</industryClassification>"), false},
	{"nameValuePair type=", file(`<details><nameValuePair type="EXIF"><name>a</name><value>b</value></nameValuePair></details>`), false},
	{"details type=", file(`<details type="EXIF"><nameValuePair><name>a</name><value>b</value></nameValuePair></details>`), true},
	{"potentialMeme with fileAnnotations", file("<potentialMeme>true</potentialMeme><fileAnnotations/>"), false},
	{"hash without hashType", file("<originalFileHash>00</originalFileHash>"), false},
	{"deviceId without idValue", file("<deviceId><idType>IMEI</idType></deviceId>"), false},
}

// judge is the verdict of this package on raw bytes: nil, or why not.
func judge(s *Schema, doc string) error {
	root, err := Parse([]byte(doc))
	if err != nil {
		return err
	}
	want := "report"
	if root.Name.Local == "fileDetails" {
		want = "fileDetails"
	}
	return s.Validate(root, want)
}

func TestReferenceDocuments(t *testing.T) {
	s := New()
	for _, tc := range reference {
		t.Run(tc.name, func(t *testing.T) {
			if err := judge(s, tc.doc); (err == nil) != tc.pass {
				t.Errorf("pass = %v, want %v: %v", err == nil, tc.pass, err)
			}
		})
	}
}

// The words of a refusal are those that operators will meet, so they are pinned.
func TestRefusalText(t *testing.T) {
	s := New()
	for _, tc := range []struct{ doc, want string }{
		{"<report>" + reporter + "</report>", "cvc-complex-type.2.4.a: Invalid content was found starting with element 'reporter'. One of '{batchedReport, incidentSummary}' is expected."},
		{"<report><incidentSummary><incidentType>Child Sex Tourism</incidentType></incidentSummary></report>", "cvc-complex-type.2.4.b: The content of element 'incidentSummary' is not complete. One of '{platform, escalateToHighPriority, reportAnnotations, incidentDateTime}' is expected."},
		{after("<additionalInfo/><additionalInfo/>"), "cvc-complex-type.2.4.d: Invalid content was found starting with element 'additionalInfo'. No child element is expected at this point."},
		{before("<internetDetails/>"), "cvc-complex-type.2.4.b: The content of element 'internetDetails' is not complete. One of '{webPageIncident, emailIncident, newsgroupIncident, chatImIncident, onlineGamingIncident, cellPhoneIncident, nonInternetIncident, peer2peerIncident}' is expected."},
		{file("<industryClassification>C3</industryClassification>"), "cvc-enumeration-valid: Value 'C3' is not facet-valid with respect to enumeration '[A1, A2, B1, B2]'. It must be a value from the enumeration."},
		{file("<fileViewedByEsp>yes</fileViewedByEsp>"), "cvc-datatype-valid.1.2.1: 'yes' is not a valid value for 'boolean'."},
		{file("<ipCaptureEvent><ipAddress/><port>70000</port></ipCaptureEvent>"), "cvc-maxInclusive-valid: Value '70000' is not facet-valid with respect to maxInclusive '65535' for type 'port'."},
		{file("<ipCaptureEvent><ipAddress/><port>0</port></ipCaptureEvent>"), "cvc-minInclusive-valid: Value '0' is not facet-valid with respect to minInclusive '1' for type 'port'."},
		{before(`<internetDetails><cellPhoneIncident><phoneNumber countryCallingCode="32">1</phoneNumber></cellPhoneIncident></internetDetails>`), `cvc-pattern-valid: Value '32' is not facet-valid with respect to pattern '\+[0-9]{1,3}' for type 'callingCode'.`},
		{before(`<lawEnforcement fleaCountry="BE"/>`), "cvc-complex-type.3.2.2: Attribute 'fleaCountry' is not allowed to appear in element 'lawEnforcement'."},
		{file("<originalFileHash>00</originalFileHash>"), "cvc-complex-type.4: Attribute 'hashType' must appear on element 'originalFileHash'."},
		{file("<originalFileHash hashType='MD5'><b/></originalFileHash>"), "cvc-complex-type.2.2: Element 'originalFileHash' must have no element [children], and the value must be valid."},
		{file("<fileName><b/></fileName>"), "cvc-type.3.1.2: Element 'fileName' is a simple type, so it must have no element information item [children]."},
		{file("<fileName lang='nl'/>"), "cvc-type.3.1.1: Element 'fileName' is a simple type, so it cannot have attributes. However, the attribute 'lang' was found."},
		{file("hello"), "cvc-complex-type.2.3: Element 'fileDetails' cannot have character [children], because the type's content type is element-only."},
		{strings.Replace(after(""), "<report>", `<report><batchedReport reason="VIRAL_POTENTIAL_MEME">x</batchedReport>`, 1), "cvc-complex-type.2.1: Element 'batchedReport' must have no character or element information item [children], because the type's content type is empty."},
		{annotated("<spam>false</spam>"), "cvc-elt.5.2.2.2.2: The value 'false' of element 'spam' does not match the {value constraint} value 'true'."},
		{"<tip/>", "cvc-elt.1.a: Cannot find the declaration of element 'tip'."},
		{"<victim><victimPerson/></victim>", "cvc-elt.1.a: Cannot find the declaration of element 'victim'."},
	} {
		if err := judge(s, tc.doc); err == nil || err.Error() != tc.want {
			t.Errorf("%s\n got %v\nwant %s", tc.doc, err, tc.want)
		}
	}
}

// A long value is cut in the text and stays valid UTF-8.
func TestLongValueIsClipped(t *testing.T) {
	err := judge(New(), file("<fileViewedByEsp>"+strings.Repeat("é", 1000)+"</fileViewedByEsp>"))
	if err == nil || len(err.Error()) > 200 || !strings.Contains(err.Error(), "ééé...'") {
		t.Errorf("got %v", err)
	}
}

func TestEnumerationSizes(t *testing.T) {
	for name, want := range map[string]int{
		"country": 258, "state": 55, "incidentType": 8, "captureType": 6, "addressType": 5, "emailType": 4,
		"phoneType": 7, "associatedAccountType": 6, "relevance": 2, "classification": 4, "detailsType": 2, "batchReason": 1,
	} {
		values := simpleTypes[name].values
		distinct := map[string]bool{}
		for _, v := range values {
			distinct[v] = true
		}
		if len(values) != want || len(distinct) != want {
			t.Errorf("%s has %d values, %d distinct, want %d", name, len(values), len(distinct), want)
		}
	}
	for _, name := range []string{"country", "state"} {
		for _, v := range simpleTypes[name].values {
			if v != "" && (len(v) != 2 || strings.ToUpper(v) != v) {
				t.Errorf("%s has %q", name, v)
			}
		}
	}
	// Which 258: those that section 1.6 names, and a neighbour of each that is not in.
	for v, in := range map[string]bool{"": true, "A1": true, "A2": true, "O1": true, "AP": true, "EU": true, "AN": true, "FX": true, "XK": true,
		"SS": true, "CW": true, "ZR": false, "YU": false, "CS": false, "TP": false, "UK": false, "A3": false} {
		if got := simpleTypes["country"].check("country", v) == ""; got != in {
			t.Errorf("country %q: %v, want %v", v, got, in)
		}
	}
	for v, in := range map[string]bool{"": true, "DC": true, "GU": true, "PR": true, "VI": true, "AS": false, "MP": false} {
		if got := simpleTypes["state"].check("state", v) == ""; got != in {
			t.Errorf("state %q: %v, want %v", v, got, in)
		}
	}
}

// A mistake in the table is found when it is read, not when a document meets it.
func TestTableIsChecked(t *testing.T) {
	for _, bad := range []string{"a = b:nothing", "a @b:nothing = c", "a @b:a = c"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was read without complaint", bad)
				}
			}()
			parseSchema(bad + "\n")
		}()
	}
}
