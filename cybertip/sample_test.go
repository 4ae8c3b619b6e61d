package cybertip_test

import (
	"time"

	"github.com/houvast/houvast/cybertip"
)

// now is the law time of every test.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) cybertip.Time { return cybertip.At(now.Add(-d)) }

// minimalReport holds what the service itself asks for, and nothing else.
func minimalReport() cybertip.Report {
	return cybertip.Report{IncidentSummary: cybertip.IncidentSummary{
		IncidentType:     cybertip.IncidentCSAM,
		IncidentDateTime: ago(time.Hour),
	}}
}

// typicalReport is one of a match on a photo service; no finding applies to it.
func typicalReport() cybertip.Report {
	return cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{
			IncidentType:                cybertip.IncidentCSAM,
			Platform:                    "Example Photos",
			IncidentDateTime:            ago(3 * time.Hour),
			IncidentDateTimeDescription: "time of upload of the newest reported file",
		},
		InternetDetails: []cybertip.InternetDetails{{WebPage: &cybertip.WebPageIncident{
			ThirdPartyHostedContent: cybertip.No,
			URL:                     []string{"https://photos.example/p/1001"},
		}}},
		Reporter: cybertip.Reporter{
			ReportingPerson: cybertip.Person{FirstName: "Robin", LastName: "Example", Email: []cybertip.Email{{Type: "Business", Address: "safety@photos.example"}}},
			ContactPerson: &cybertip.ContactPerson{LastName: "Duty desk", Phone: []cybertip.Phone{
				{Type: "Business", CountryCallingCode: "+32", Number: "25550100"}}},
			CompanyTemplate: "Service of process: legal@photos.example. Content is kept for 365 days from this report.",
			LegalURL:        "https://photos.example/legal",
		},
		PersonOrUserReported: []cybertip.PersonOrUserReported{typicalReported()},
	}
}

func typicalReported() cybertip.PersonOrUserReported {
	return cybertip.PersonOrUserReported{
		Person: &cybertip.Person{Email: []cybertip.Email{
			{Verified: cybertip.Yes, VerificationDate: ago(900 * time.Hour), Address: "account-77@mail.example"}}},
		Account: cybertip.Account{
			ESPIdentifier: "account-77", ESPService: "Example Photos", CompromisedAccount: cybertip.No, ScreenName: "sample77",
			ProfileURL: []string{"https://photos.example/u/sample77"},
			IPCaptureEvent: []cybertip.IPCaptureEvent{
				{IPAddress: "192.0.2.10", EventName: cybertip.EventRegistration, DateTime: ago(1000 * time.Hour), Port: 40001},
				{IPAddress: "2001:db8::7", EventName: cybertip.EventLogin, DateTime: ago(4 * time.Hour), PossibleProxy: cybertip.No, Port: 40002},
			},
		},
		Standing: cybertip.Standing{
			AccountPermanentlyDisabled: &cybertip.PermanentlyDisabled{DisabledDate: ago(time.Hour), UserNotified: cybertip.No, Disabled: cybertip.Yes},
			AllEmailsReported:          cybertip.Yes,
		},
	}
}

func minimalFile() cybertip.FileDetails {
	return cybertip.FileDetails{ReportID: 4711, FileID: "00112233445566778899aabbccddeeff"}
}

// typicalFile is a file that one person viewed in full; no finding applies to it.
func typicalFile() cybertip.FileDetails {
	return cybertip.FileDetails{
		ReportID: 4711, FileID: "00112233445566778899aabbccddeeff",
		FileName: "file-1.png", OriginalFileName: "holiday & <sea>.png",
		UploadedToESPTimestamp: ago(3 * time.Hour),
		LocationOfFile:         "https://photos.example/p/1001",
		FileViewedByESP:        cybertip.Yes, EXIFViewedByESP: cybertip.No, PubliclyAvailable: cybertip.Yes,
		FileRelevance:   cybertip.Reported,
		FileAnnotations: &cybertip.FileAnnotations{Viral: true},
		OriginalFileHash: []cybertip.Hash{
			{Type: "MD5", Value: "d41d8cd98f00b204e9800998ecf8427e"},
			{Type: "SHA1", Value: "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
			{Type: "SHA256", Value: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		},
		IPCaptureEvent: &cybertip.IPCaptureEvent{IPAddress: "2001:db8::7", EventName: cybertip.EventUpload, DateTime: ago(3 * time.Hour), Port: 40003},
		AdditionalInfo: []string{"Flagged by an exact hash of a list; one person viewed the whole file."},
	}
}

func typicalDraft() cybertip.Draft {
	return cybertip.Draft{
		Stage: cybertip.BeforeFinish, Report: typicalReport(), ReportID: 4711, Now: now,
		Files: []cybertip.File{{Details: typicalFile(), SentMD5: "d41d8cd98f00b204e9800998ecf8427e", ReceivedMD5: "D41D8CD98F00B204E9800998ECF8427E"}},
	}
}
