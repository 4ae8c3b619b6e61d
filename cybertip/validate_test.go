package cybertip_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/cybertip"
)

func ptr[T any](v T) *T { return &v }

// A change breaks one thing of the typical draft; want is every finding that follows, "rule path".
type change struct {
	name string
	do   func(*cybertip.Draft)
	want []string
}

func reported(d *cybertip.Draft) *cybertip.PersonOrUserReported {
	return &d.Report.PersonOrUserReported[0]
}

func details(d *cybertip.Draft) *cybertip.FileDetails { return &d.Files[0].Details }

const (
	inc = "/report/incidentSummary"
	rep = "/report/personOrUserReported[1]"
	fil = "/fileDetails[1]"
)

var structureChanges = []change{
	{"no incident type", func(d *cybertip.Draft) { d.Report.IncidentSummary.IncidentType = "" }, []string{"structure-missing " + inc + "/incidentType"}},
	{"no incident time", func(d *cybertip.Draft) { d.Report.IncidentSummary.IncidentDateTime = 0 }, []string{"structure-missing " + inc + "/incidentDateTime"}},
	{"an act too few", func(d *cybertip.Draft) {
		d.Report.IncidentSummary.IncidentType = "Online Enticement of Children for Sexual Act"
	}, []string{"structure-value " + inc + "/incidentType"}},
	{"long platform", func(d *cybertip.Draft) { d.Report.IncidentSummary.Platform = strings.Repeat("é", 257) }, []string{"structure-too-long " + inc + "/platform"}},
	{"platform at the limit", func(d *cybertip.Draft) { d.Report.IncidentSummary.Platform = strings.Repeat("é", 256) }, nil},
	{"control character", func(d *cybertip.Draft) { d.Report.IncidentSummary.Platform = "a\x01" }, []string{"structure-text " + inc + "/platform"}},
	{"no incident in the details", func(d *cybertip.Draft) { d.Report.InternetDetails[0].WebPage = nil },
		[]string{"incident-details /report/internetDetails[1]", "structure-incident /report/internetDetails[1]"}},
	{"two incidents in one", func(d *cybertip.Draft) { d.Report.InternetDetails[0].Email = &cybertip.EmailIncident{} }, []string{"structure-incident /report/internetDetails[1]"}},
	{"address with a space", func(d *cybertip.Draft) { d.Report.InternetDetails[0].WebPage.URL[0] = "https://a.example/b c" }, []string{"structure-format /report/internetDetails[1]/webPageIncident/url[1]"}},
	{"empty list item", func(d *cybertip.Draft) { reported(d).DisplayName = []string{""} }, []string{"structure-missing " + rep + "/displayName[1]"}},
	{"no IP address", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[0].IPAddress = "" }, []string{"structure-missing " + rep + "/ipCaptureEvent[1]/ipAddress"}},
	{"no IP address but a name", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[0].IPAddress = "host.example" }, []string{"structure-format " + rep + "/ipCaptureEvent[1]/ipAddress"}},
	{"zoned IP address", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[0].IPAddress = "fe80::1%eth0" }, []string{"structure-format " + rep + "/ipCaptureEvent[1]/ipAddress"}},
	{"port out of range", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[0].Port = 65536 }, []string{"structure-range " + rep + "/ipCaptureEvent[1]/port"}},
	{"infant", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Person: cybertip.Person{Age: ptr(0)}}}
	}, nil},
	{"age out of range", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Person: cybertip.Person{Age: ptr(151)}}}
	}, []string{"structure-range /report/victim[1]/victimPerson/age"}},
	{"no such day", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Person: cybertip.Person{DateOfBirth: "2026-02-30"}}}
	}, []string{"structure-format /report/victim[1]/victimPerson/dateOfBirth"}},
	{"no latitude", func(d *cybertip.Draft) {
		d.Report.InternetDetails[0] = cybertip.InternetDetails{CellPhone: &cybertip.CellPhoneIncident{PhoneNumber: &cybertip.Phone{Number: "1"}, Latitude: ptr(math.NaN()), Longitude: ptr(180.0)}}
	}, []string{"structure-range /report/internetDetails[1]/cellPhoneIncident/latitude"}},
	{"calling code", func(d *cybertip.Draft) { d.Report.Reporter.ContactPerson.Phone[0].CountryCallingCode = "0032" }, []string{"structure-format /report/reporter/contactPerson/phone[1]/@countryCallingCode"}},
	{"extension", func(d *cybertip.Draft) { d.Report.Reporter.ContactPerson.Phone[0].Extension = "12a" }, []string{"structure-format /report/reporter/contactPerson/phone[1]/@extension"}},
	{"no mail address", func(d *cybertip.Draft) { d.Report.Reporter.ReportingPerson.Email[0].Address = "nobody" }, []string{"structure-format /report/reporter/reportingPerson/email[1]"}},
	{"unknown state", func(d *cybertip.Draft) {
		d.Report.Reporter.ReportingPerson.Address = []cybertip.Address{{Type: "Home", State: "AS", Country: "BE"}}
	}, []string{"structure-value /report/reporter/reportingPerson/address[1]/state"}},
	{"prior report 0", func(d *cybertip.Draft) { reported(d).PriorCTReports = []int64{12, 0} }, []string{"structure-range " + rep + "/priorCTReports[2]"}},
	{"account without type", func(d *cybertip.Draft) { reported(d).AssociatedAccount = []cybertip.AssociatedAccount{{}} }, []string{"structure-missing " + rep + "/associatedAccount[1]/@type"}},
	{"answer out of range", func(d *cybertip.Draft) { reported(d).CompromisedAccount = 7 }, []string{"structure-value " + rep + "/compromisedAccount"}},
	{"year 20000", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[0].DateTime = 600e12 }, []string{"structure-format " + rep + "/ipCaptureEvent[1]/dateTime"}},
	{"meme twice", func(d *cybertip.Draft) { details(d).PotentialMeme = cybertip.No }, []string{"structure-meme " + fil}},
	{"hash without type", func(d *cybertip.Draft) {
		details(d).OriginalFileHash = append(details(d).OriginalFileHash, cybertip.Hash{Value: "00"})
	}, []string{"structure-missing " + fil + "/originalFileHash[4]/@hashType"}},
	{"details without pair", func(d *cybertip.Draft) {
		details(d).Details = []cybertip.Details{{Type: cybertip.DetailsEXIF}}
	}, []string{"structure-missing " + fil + "/details[1]/nameValuePair"}},
	{"file id with a space", func(d *cybertip.Draft) { details(d).FileID = "a b" }, []string{"structure-format " + fil + "/fileId"}},
}

var incidentChanges = []change{
	{"nothing", func(*cybertip.Draft) {}, nil},
	{"future", func(d *cybertip.Draft) { d.Report.IncidentSummary.IncidentDateTime = ago(-time.Second) }, []string{"incident-future " + inc + "/incidentDateTime"}},
	{"this very moment", func(d *cybertip.Draft) { d.Report.IncidentSummary.IncidentDateTime = ago(0) }, nil},
	{"no clock", func(d *cybertip.Draft) { d.Now = time.Time{} }, []string{"incident-future " + inc + "/incidentDateTime"}},
	{"time not described", func(d *cybertip.Draft) { d.Report.IncidentSummary.IncidentDateTimeDescription = " " }, []string{"incident-time-undescribed " + inc + "/incidentDateTimeDescription"}},
	{"no platform", func(d *cybertip.Draft) { d.Report.IncidentSummary.Platform = "" }, []string{"incident-platform " + inc + "/platform"}},
	{"no details", func(d *cybertip.Draft) { d.Report.InternetDetails = nil }, []string{"incident-details /report/internetDetails"}},
	{"page without address", func(d *cybertip.Draft) { d.Report.InternetDetails[0].WebPage.URL = nil }, []string{"incident-details /report/internetDetails[1]"}},
	{"sextortion as CSAM", func(d *cybertip.Draft) {
		d.Report.IncidentSummary.ReportAnnotations = &cybertip.ReportAnnotations{Sextortion: true}
	}, []string{"incident-sextortion " + inc + "/incidentType"}},
	{"sextortion as enticement", func(d *cybertip.Draft) {
		d.Report.IncidentSummary.IncidentType = cybertip.IncidentEnticement
		d.Report.IncidentSummary.ReportAnnotations = &cybertip.ReportAnnotations{Sextortion: true}
	}, nil},
	{"no file", func(d *cybertip.Draft) { d.Files = nil }, []string{"incident-no-file /report"}},
	{"escalation without words", func(d *cybertip.Draft) { d.Report.IncidentSummary.EscalateToHighPriority = " \n" }, []string{"escalation-reason " + inc + "/escalateToHighPriority"}},

	{"no reporter address", func(d *cybertip.Draft) { d.Report.Reporter.ReportingPerson.Email = nil }, []string{"reporter-email /report/reporter/reportingPerson/email"}},
	{"no contact", func(d *cybertip.Draft) { d.Report.Reporter.ContactPerson = nil }, []string{"reporter-contact /report/reporter/contactPerson"}},
	{"no legal page", func(d *cybertip.Draft) { d.Report.Reporter.LegalURL = "" }, []string{"reporter-legal /report/reporter/legalURL"}},
	{"no company text", func(d *cybertip.Draft) { d.Report.Reporter.CompanyTemplate = "" }, []string{"reporter-template /report/reporter/companyTemplate"}},
}

var peopleChanges = []change{
	{"nobody", func(d *cybertip.Draft) { d.Report.PersonOrUserReported = nil }, []string{"reported-nobody /report/personOrUserReported"}},
	{"two", func(d *cybertip.Draft) {
		d.Report.PersonOrUserReported = append(d.Report.PersonOrUserReported, typicalReported())
	}, []string{"reported-many /report/personOrUserReported"}},
	{"no identifier", func(d *cybertip.Draft) { reported(d).ESPIdentifier = " " }, []string{"reported-identifier " + rep + "/espIdentifier"}},
	{"elsewhere with a screen name", func(d *cybertip.Draft) {
		reported(d).ESPIdentifier, reported(d).ThirdPartyUserReported = "", cybertip.Yes
	}, nil},
	{"elsewhere with nothing", func(d *cybertip.Draft) {
		*reported(d) = cybertip.PersonOrUserReported{ThirdPartyUserReported: cybertip.Yes, Account: cybertip.Account{CompromisedAccount: cybertip.No},
			Standing: reported(d).Standing}
	}, []string{"reported-identifier " + rep + "/espIdentifier", "reported-login " + rep + "/ipCaptureEvent", "reported-profile " + rep + "/profileUrl",
		"reported-reachable " + rep + "/personOrUserReportedPerson", "reported-registration " + rep + "/ipCaptureEvent", "reported-screen-name " + rep + "/screenName"}},
	{"child by identifier", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{}, {Account: cybertip.Account{ESPIdentifier: "account-77"}}}
	}, []string{"reported-is-child " + rep}},
	{"child by identifier in another product", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Account: cybertip.Account{ESPIdentifier: "account-77 ", ESPService: "Example Chat"}}}
	}, []string{"reported-is-child " + rep}},
	{"child by mail address", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Person: cybertip.Person{Email: []cybertip.Email{{Address: "Account-77@mail.example"}}}}}
	}, []string{"reported-is-child " + rep}},
	{"child by profile", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Account: cybertip.Account{ProfileURL: []string{"https://photos.example/u/sample77"}}}}
	}, []string{"reported-is-child " + rep}},
	{"another child", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Account: cybertip.Account{ESPIdentifier: "account-78"}}, {}}
	}, nil},
	{"minor by age", func(d *cybertip.Draft) { reported(d).Person.Age = ptr(17) }, []string{"reported-minor " + rep}},
	{"adult by age", func(d *cybertip.Draft) { reported(d).Person.Age = ptr(18) }, nil},
	{"minor by birth", func(d *cybertip.Draft) { reported(d).Person.DateOfBirth = "2008-11-24" }, []string{"reported-minor " + rep}},
	{"adult by birth", func(d *cybertip.Draft) { reported(d).Person.DateOfBirth = "2008-11-23" }, nil},
	{"no screen name", func(d *cybertip.Draft) { reported(d).ScreenName = "" }, []string{"reported-screen-name " + rep + "/screenName"}},
	{"no profile", func(d *cybertip.Draft) { reported(d).ProfileURL = nil }, []string{"reported-profile " + rep + "/profileUrl"}},
	{"no person", func(d *cybertip.Draft) { reported(d).Person = nil }, []string{"reported-reachable " + rep + "/personOrUserReportedPerson"}},
	{"mail not said to be verified", func(d *cybertip.Draft) { reported(d).Person.Email[0].Verified = cybertip.Unanswered }, []string{"reported-verified " + rep + "/personOrUserReportedPerson/email[1]"}},
	{"telephone verified, no date", func(d *cybertip.Draft) {
		reported(d).Person.Phone = []cybertip.Phone{{Number: "1", Verified: cybertip.No}, {Number: "2", Verified: cybertip.Yes}}
	}, []string{"reported-verified " + rep + "/personOrUserReportedPerson/phone[2]"}},
	{"all mail?", func(d *cybertip.Draft) { reported(d).AllEmailsReported = cybertip.Unanswered }, []string{"reported-all-emails " + rep + "/allEmailsReported"}},
	{"no addresses", func(d *cybertip.Draft) { reported(d).IPCaptureEvent = nil }, []string{"reported-login " + rep + "/ipCaptureEvent", "reported-registration " + rep + "/ipCaptureEvent"}},
	{"taken over?", func(d *cybertip.Draft) { reported(d).CompromisedAccount = cybertip.Unanswered }, []string{"reported-compromised " + rep + "/compromisedAccount"}},
	{"disabled?", func(d *cybertip.Draft) { reported(d).AccountPermanentlyDisabled = nil }, []string{"reported-disabled " + rep + "/accountPermanentlyDisabled"}},
	{"disabled, when?", func(d *cybertip.Draft) { reported(d).AccountPermanentlyDisabled.DisabledDate = 0 }, []string{"reported-disabled " + rep + "/accountPermanentlyDisabled"}},
	{"suspended, told?", func(d *cybertip.Draft) {
		reported(d).AccountTemporarilyDisabled = &cybertip.TemporarilyDisabled{Disabled: cybertip.Yes, DisabledDate: ago(1)}
	}, []string{"reported-disabled " + rep + "/accountPermanentlyDisabled"}},
	{"not disabled", func(d *cybertip.Draft) {
		reported(d).AccountPermanentlyDisabled = &cybertip.PermanentlyDisabled{Disabled: cybertip.No}
	}, nil},
	{"place?", func(d *cybertip.Draft) {
		reported(d).EstimatedLocation = &cybertip.EstimatedLocation{CountryCode: "BE"}
	}, []string{"location-unverified " + rep + "/estimatedLocation"}},
	{"place", func(d *cybertip.Draft) {
		reported(d).EstimatedLocation = &cybertip.EstimatedLocation{Verified: cybertip.No, Timestamp: ago(1), CountryCode: "BE"}
	}, nil},
	{"address without time", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[1].DateTime = 0 }, []string{"capture-time " + rep + "/ipCaptureEvent[2]/dateTime"}},
	{"address without port", func(d *cybertip.Draft) { reported(d).IPCaptureEvent[1].Port = 0 }, []string{"capture-port " + rep + "/ipCaptureEvent[2]/port"}},
	{"victim and recipient", func(d *cybertip.Draft) {
		d.Report.Victim = []cybertip.Victim{{Account: cybertip.Account{ESPIdentifier: "account-78"}}}
		d.Report.IntendedRecipient = []cybertip.IntendedRecipient{{Account: cybertip.Account{ESPIdentifier: "account-78"}}}
	}, []string{"victim-is-recipient /report/intendedRecipient[1]"}},
}

var fileChanges = []change{
	{"viewed?", func(d *cybertip.Draft) { details(d).FileViewedByESP = cybertip.Unanswered }, []string{"file-viewed " + fil + "/fileViewedByEsp"}},
	{"EXIF viewed?", func(d *cybertip.Draft) { details(d).EXIFViewedByESP = cybertip.Unanswered }, []string{"file-exif-viewed " + fil + "/exifViewedByEsp"}},
	{"EXIF viewed alone", func(d *cybertip.Draft) {
		details(d).FileViewedByESP, details(d).EXIFViewedByESP = cybertip.No, cybertip.Yes
	}, []string{"file-exif-without-view " + fil + "/exifViewedByEsp"}},
	{"classified", func(d *cybertip.Draft) { details(d).IndustryClassification, d.HashSharing = "B2", true }, nil},
	{"classified without agreement", func(d *cybertip.Draft) { details(d).IndustryClassification = "B2" }, []string{"file-classification-agreement " + fil + "/industryClassification"}},
	{"supplemental", func(d *cybertip.Draft) { details(d).FileRelevance = cybertip.Supplemental }, nil},
	{"supplemental classified", func(d *cybertip.Draft) {
		details(d).FileRelevance, details(d).IndustryClassification, d.HashSharing = cybertip.Supplemental, "A1", true
	}, []string{"file-classification-relevance " + fil + "/industryClassification"}},
	{"supplemental meme", func(d *cybertip.Draft) {
		details(d).FileRelevance, details(d).FileAnnotations.PotentialMeme = cybertip.Supplemental, true
	}, []string{"file-meme-relevance " + fil + "/potentialMeme"}},
	{"supplemental meme element", func(d *cybertip.Draft) {
		details(d).FileRelevance, details(d).FileAnnotations, details(d).PotentialMeme = cybertip.Supplemental, nil, cybertip.Yes
	}, []string{"file-meme-relevance " + fil + "/potentialMeme"}},
	{"classified unseen", func(d *cybertip.Draft) {
		details(d).FileViewedByESP, details(d).IndustryClassification, d.HashSharing = cybertip.No, "A2", true
	}, []string{"file-unseen " + fil}},
	{"described unseen", func(d *cybertip.Draft) {
		details(d).FileViewedByESP, details(d).FileAnnotations.Infant = cybertip.No, true
	}, []string{"file-unseen " + fil}},
	{"described by the list", func(d *cybertip.Draft) {
		details(d).FileViewedByESP, details(d).FileAnnotations.Infant, d.Files[0].FromList = cybertip.No, true, true
	}, nil},
	{"viral unseen", func(d *cybertip.Draft) { details(d).FileViewedByESP = cybertip.No }, nil},
	{"original name", func(d *cybertip.Draft) { details(d).OriginalFileName = "" }, []string{"file-original-name " + fil + "/originalFileName"}},
	{"upload time", func(d *cybertip.Draft) { details(d).UploadedToESPTimestamp = 0 }, []string{"file-upload-time " + fil + "/uploadedToEspTimestamp"}},
	{"upload address", func(d *cybertip.Draft) { details(d).IPCaptureEvent = nil }, []string{"file-upload-address " + fil + "/ipCaptureEvent"}},
	{"upload port", func(d *cybertip.Draft) { details(d).IPCaptureEvent.Port = 0 }, []string{"capture-port " + fil + "/ipCaptureEvent/port"}},
	{"location", func(d *cybertip.Draft) { details(d).LocationOfFile = "" }, []string{"file-location " + fil + "/locationOfFile"}},
	{"public?", func(d *cybertip.Draft) { details(d).PubliclyAvailable = cybertip.Unanswered }, []string{"file-public " + fil + "/publiclyAvailable"}},
	{"hash spelled otherwise", func(d *cybertip.Draft) { details(d).OriginalFileHash[2].Type = "sha-256" }, nil},
	{"hash", func(d *cybertip.Draft) { details(d).OriginalFileHash = details(d).OriginalFileHash[:2] }, []string{"file-hash " + fil + "/originalFileHash"}},
	{"why?", func(d *cybertip.Draft) { details(d).AdditionalInfo = nil }, []string{"file-why " + fil + "/additionalInfo"}},

	{"not opened", func(d *cybertip.Draft) {
		d.Stage, d.ReportID = cybertip.BeforeOpen, 0
		details(d).ReportID, details(d).FileID, d.Files[0].SentMD5, d.Files[0].ReceivedMD5 = 0, "", "", ""
	}, nil},
	{"not uploaded", func(d *cybertip.Draft) {
		details(d).FileID, d.Files[0].SentMD5, d.Files[0].ReceivedMD5 = "", "", ""
	}, []string{"file-not-uploaded " + fil, "structure-missing " + fil + "/fileId"}},
	{"other report", func(d *cybertip.Draft) { details(d).ReportID = 4712 }, []string{"file-report-mismatch " + fil + "/reportId"}},
	{"no report", func(d *cybertip.Draft) { d.ReportID = 0 }, []string{"file-report-mismatch " + fil + "/reportId"}},
	{"same file twice", func(d *cybertip.Draft) { d.Files = append(d.Files, d.Files[0]) }, []string{"file-repeated /fileDetails[2]/fileId"}},
	{"other bytes", func(d *cybertip.Draft) { d.Files[0].ReceivedMD5 = "00000000000000000000000000000000" }, []string{"file-md5 " + fil}},
}

func TestValidate(t *testing.T) {
	reached := map[string]int{}
	for _, c := range slices.Concat(structureChanges, incidentChanges, peopleChanges, fileChanges) {
		t.Run(c.name, func(t *testing.T) {
			d := typicalDraft()
			c.do(&d)
			var got []string
			for _, f := range cybertip.Validate(d) {
				got = append(got, f.Rule+" "+f.Path)
				reached[f.Rule]++
				if text := f.Text(); text == f.Rule || strings.ContainsAny(text, "{}") {
					t.Errorf("%s has the text %q", f.Rule, text)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	rules := cybertip.Rules()
	for _, r := range rules {
		if reached[r.ID] == 0 {
			t.Errorf("no test reaches the rule %s", r.ID)
		}
		delete(reached, r.ID)
	}
	if len(rules) == 0 || len(reached) > 0 {
		t.Errorf("%d rules; findings of unknown rules: %v", len(rules), slices.Collect(maps.Keys(reached)))
	}
	t.Logf("%d rules, each reached", len(rules))
}

// TestRules keeps the promise of the wording: what is voluntary is recommended.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range cybertip.Rules() {
		if seen[r.ID] || r.Level != cybertip.Block && r.Level != cybertip.Warn {
			t.Errorf("rule %q comes twice or has the level %q", r.ID, r.Level)
		}
		seen[r.ID] = true
		low := strings.ToLower(r.Text)
		if strings.Contains(low, "required") || strings.Contains(low, "ncmec") || strings.Contains(low, "mandatory") {
			t.Errorf("%s: %q", r.ID, r.Text)
		}
	}
}

func TestBlocked(t *testing.T) {
	d := typicalDraft()
	if all := cybertip.Validate(d); cybertip.Blocked(all) || len(all) != 0 {
		t.Errorf("the typical draft: %+v", all)
	}
	d.Report = minimalReport()
	all := cybertip.Validate(d)
	i := slices.IndexFunc(all, func(f cybertip.Finding) bool { return f.Level == cybertip.Block })
	if !cybertip.Blocked(all) || all[i].Rule != "reporter-email" {
		t.Errorf("the minimal report blocks by %+v", all)
	}
	d.Report.Reporter.ReportingPerson.Email = []cybertip.Email{{Address: "a@b.example"}}
	if all := cybertip.Validate(d); cybertip.Blocked(all) || len(all) == 0 {
		t.Errorf("with an address: %+v", all)
	}
}
