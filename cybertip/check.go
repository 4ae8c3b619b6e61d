package cybertip

import (
	"fmt"
	"strings"
	"time"
)

// A Stage is a point before a call of the service.
type Stage uint8

// The stages.
const (
	BeforeOpen   Stage = iota // no report id yet; file ids and uploads are not looked at
	BeforeFinish              // everything is uploaded and described; the next call cannot be taken back
)

// A Draft is a report with its files as it stands before a call.
type Draft struct {
	Stage  Stage
	Report Report
	Files  []File
	// ReportID is what the service gave when it opened the report; 0 before.
	ReportID int64
	// Now is law time. The zero time makes every incident lie in the future.
	Now time.Time
	// HashSharing says that the operator signed the industry hash sharing agreement.
	HashSharing bool
}

// A File is one file of a draft.
type File struct {
	Details FileDetails
	// FromList says that classification and marks are a list's own, not an observation of ours.
	FromList bool
	// SentMD5 and ReceivedMD5 are hex digests of what was sent and of what the service says it
	// received; empty before the upload.
	SentMD5, ReceivedMD5 string
}

// Validate returns everything the check list has to say about d, structure first, in wire order
// within each part. A draft is sent only when Blocked is false; warnings are recommendations.
//
// What needs more than one draft is checked elsewhere: two approvers, earlier reports, viewing
// records, the help that was started for a child, the sealed snapshot.
func Validate(d Draft) []Finding {
	fs := &findings{all: Structure(d.Report)}
	for i, f := range d.Files {
		one := &findings{}
		path := fmt.Sprintf("/fileDetails[%d]", i+1)
		one.structureFile(f.Details, path)
		for _, x := range one.all {
			if d.Stage == BeforeOpen && x.Rule == "structure-missing" && (x.Path == path+"/reportId" || x.Path == path+"/fileId") {
				continue
			}
			fs.all = append(fs.all, x)
		}
	}
	fs.incident(d)
	fs.reporter(d.Report.Reporter)
	fs.people(d)
	for i, f := range d.Files {
		fs.file(d, f, fmt.Sprintf("/fileDetails[%d]", i+1))
	}
	if d.Stage == BeforeFinish {
		fs.uploads(d)
	}
	return fs.all
}

func (fs *findings) incident(d Draft) {
	const at = "/report/incidentSummary"
	s := d.Report.IncidentSummary
	fs.addIf(s.IncidentDateTime.Time().After(d.Now), "incident-future", at+"/incidentDateTime")
	fs.addIf(s.EscalateToHighPriority != "" && blankText(s.EscalateToHighPriority), "escalation-reason", at+"/escalateToHighPriority")
	fs.addIf(blankText(s.IncidentDateTimeDescription), "incident-time-undescribed", at+"/incidentDateTimeDescription")
	fs.addIf(blankText(s.Platform), "incident-platform", at+"/platform")
	if a := s.ReportAnnotations; a != nil {
		fs.addIf(bool(a.Sextortion) && s.IncidentType != IncidentEnticement, "incident-sextortion", at+"/incidentType")
	}
	fs.addIf(s.IncidentType == IncidentCSAM && len(d.Files) == 0, "incident-no-file", "/report")
	fs.addIf(len(d.Report.InternetDetails) == 0, "incident-details", "/report/internetDetails")
	for i, in := range d.Report.InternetDetails {
		fs.addIf(!in.telling(), "incident-details", fmt.Sprintf("/report/internetDetails[%d]", i+1))
	}
}

// telling reports whether the incident says anything a reader could act on.
func (d InternetDetails) telling() bool {
	switch {
	case d.WebPage != nil:
		return len(d.WebPage.URL) > 0
	case d.Email != nil:
		return d.Email.Content != "" || len(d.Email.EmailAddress) > 0
	case d.Newsgroup != nil:
		return d.Newsgroup.Name != "" || d.Newsgroup.Content != ""
	case d.ChatIM != nil:
		return d.ChatIM.ChatClient != "" || d.ChatIM.ChatRoomName != "" || d.ChatIM.Content != ""
	case d.OnlineGaming != nil:
		return d.OnlineGaming.GameName != ""
	case d.CellPhone != nil:
		return d.CellPhone.PhoneNumber != nil
	case d.NonInternet != nil:
		return d.NonInternet.LocationName != "" || len(d.NonInternet.IncidentAddress) > 0
	case d.PeerToPeer != nil:
		return len(d.PeerToPeer.IPCaptureEvent) > 0 || d.PeerToPeer.FileNames != ""
	}
	return false
}

func (fs *findings) reporter(r Reporter) {
	const at = "/report/reporter"
	fs.addIf(len(r.ReportingPerson.Email) == 0, "reporter-email", at+"/reportingPerson/email")
	fs.addIf(r.ContactPerson == nil || len(r.ContactPerson.Phone) == 0, "reporter-contact", at+"/contactPerson")
	fs.addIf(r.LegalURL == "", "reporter-legal", at+"/legalURL")
	fs.addIf(blankText(r.CompanyTemplate), "reporter-template", at+"/companyTemplate")
}

func (fs *findings) file(d Draft, f File, at string) {
	x := f.Details
	supplemental := x.FileRelevance == Supplemental
	meme := x.PotentialMeme == Yes || x.FileAnnotations != nil && bool(x.FileAnnotations.PotentialMeme)
	described := x.IndustryClassification != "" || x.FileAnnotations != nil && x.FileAnnotations.describes()

	fs.addIf(x.FileViewedByESP == Unanswered, "file-viewed", at+"/fileViewedByEsp")
	fs.addIf(x.EXIFViewedByESP == Unanswered, "file-exif-viewed", at+"/exifViewedByEsp")
	fs.addIf(x.EXIFViewedByESP == Yes && x.FileViewedByESP != Yes, "file-exif-without-view", at+"/exifViewedByEsp")
	fs.addIf(x.IndustryClassification != "" && supplemental, "file-classification-relevance", at+"/industryClassification")
	fs.addIf(x.IndustryClassification != "" && !d.HashSharing, "file-classification-agreement", at+"/industryClassification")
	fs.addIf(meme && supplemental, "file-meme-relevance", at+"/potentialMeme")
	fs.addIf(described && x.FileViewedByESP != Yes && !f.FromList, "file-unseen", at)
	if supplemental {
		return // context, made or kept by the service: the rest is about what a user uploaded
	}
	fs.addIf(x.OriginalFileName == "", "file-original-name", at+"/originalFileName")
	fs.addIf(x.UploadedToESPTimestamp == 0, "file-upload-time", at+"/uploadedToEspTimestamp")
	fs.addIf(x.IPCaptureEvent == nil, "file-upload-address", at+"/ipCaptureEvent")
	if x.IPCaptureEvent != nil {
		fs.capture(*x.IPCaptureEvent, at+"/ipCaptureEvent")
	}
	fs.addIf(x.LocationOfFile == "", "file-location", at+"/locationOfFile")
	fs.addIf(x.PubliclyAvailable == Unanswered, "file-public", at+"/publiclyAvailable")
	for _, name := range []string{"MD5", "SHA1", "SHA256"} {
		fs.addIf(!hasHash(x.OriginalFileHash, name), "file-hash", at+"/originalFileHash", "type", name)
	}
	fs.addIf(blankText(strings.Join(x.AdditionalInfo, "")), "file-why", at+"/additionalInfo")
}

// hasHash knows the spellings SHA1, SHA-1 and sha1 as one.
func hasHash(hashes []Hash, name string) bool {
	for _, h := range hashes {
		if strings.EqualFold(strings.ReplaceAll(h.Type, "-", ""), name) {
			return true
		}
	}
	return false
}

func (fs *findings) uploads(d Draft) {
	ids := map[string]bool{}
	for i, f := range d.Files {
		at := fmt.Sprintf("/fileDetails[%d]", i+1)
		id := f.Details.FileID
		fs.addIf(id == "" || f.SentMD5 == "" || f.ReceivedMD5 == "", "file-not-uploaded", at)
		fs.addIf(d.ReportID == 0 || f.Details.ReportID != d.ReportID, "file-report-mismatch", at+"/reportId")
		fs.addIf(id != "" && ids[id], "file-repeated", at+"/fileId")
		fs.addIf(!strings.EqualFold(f.SentMD5, f.ReceivedMD5), "file-md5", at)
		ids[id] = true
	}
}

func blankText(s string) bool { return strings.TrimSpace(s) == "" }
