package report

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
)

// A Reporter is who files: the operator's own data, from its configuration.
type Reporter struct {
	Organisation string `json:"organisation"`
	Platform     string `json:"platform"` // full name of the application
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Email        string `json:"email"`
	Phone24h     string `json:"phone_24h"`
	LegalURL     string `json:"legal_url"`
	Terms        string `json:"terms"`
	Template     string `json:"company_template"`
}

// Content is everything a report is made of, as it stands: facts of the case, what the person
// decided, and what somebody added since. It is stored sealed.
type Content struct {
	Reporter     Reporter              `json:"reporter"`
	Facts        houvast.Facts         `json:"facts"`
	Decision     houvast.Decision      `json:"decision"`
	Role         houvast.Role          `json:"role"`
	Pressure     bool                  `json:"pressure"`
	Words        string                `json:"words,omitempty"` // escalation, in a person's own words
	Observations []houvast.Observation `json:"observations"`
	DecidedAt    time.Time             `json:"decided_at"`
	IncidentAt   time.Time             `json:"incident_at,omitzero"`
	IncidentIs   string                `json:"incident_is,omitempty"` // which event the time is that of
	RetainDays   int                   `json:"retain_days"`
	Returned     string                `json:"returned,omitempty"` // why an approver sent it back
}

// NewContent fills in what the facts say about the incident: its time is that of the upload, or when
// the platform did not tell it, of the receipt here, and it says which.
func NewContent(c Content) Content {
	c.IncidentAt, c.IncidentIs = c.Facts.Upload.UploadedAt, isUploaded
	if c.IncidentAt.IsZero() {
		c.IncidentAt, c.IncidentIs = c.Facts.Received, isReceived
	}
	return c
}

// What a draft says of the time of its incident, unless somebody says it otherwise.
const (
	isUploaded = "Time at which the file was uploaded to the service."
	isReceived = "Time at which the file was received for examination; the time of upload is not known."
)

// An Amendment is what a person adds to a draft. Empty fields change nothing.
type Amendment struct {
	Role       houvast.Role `json:"role,omitempty"`
	IncidentAt time.Time    `json:"incident_at,omitzero"`
	IncidentIs string       `json:"incident_is,omitempty"`
	AccountID  string       `json:"account_id,omitempty"`
	ScreenName string       `json:"screen_name,omitempty"`
	Email      string       `json:"email,omitempty"`
	ProfileURL string       `json:"profile_url,omitempty"`
}

// Fields names what an amendment changes, for the log; only the role is told with its value, because
// it rules who is reported.
func (a Amendment) Fields() map[string]string {
	f := map[string]string{}
	for name, set := range map[string]bool{"incident_at": !a.IncidentAt.IsZero(), "incident_is": a.IncidentIs != "", "account_id": a.AccountID != "",
		"screen_name": a.ScreenName != "", "email": a.Email != "", "profile_url": a.ProfileURL != ""} {
		if set {
			f[name] = "changed"
		}
	}
	if a.Role != "" {
		f["role"] = string(a.Role)
	}
	return f
}

// Amend returns c with a person's additions.
func (c Content) Amend(a Amendment) Content {
	set := func(dest *string, v string) {
		if v != "" {
			*dest = v
		}
	}
	if a.Role != "" {
		c.Role = a.Role
	}
	if !a.IncidentAt.IsZero() {
		c.IncidentAt = a.IncidentAt
	}
	set(&c.IncidentIs, a.IncidentIs)
	set(&c.Facts.Upload.Account.ID, a.AccountID)
	set(&c.Facts.Upload.ScreenName, a.ScreenName)
	set(&c.Facts.Upload.Email, a.Email)
	set(&c.Facts.Upload.ProfileURL, a.ProfileURL)
	c.Returned = ""
	return c
}

// childOwn reports whether the uploader is the child in the picture.
func (c Content) childOwn() bool { return c.Role == houvast.RoleChild || c.Role == houvast.RoleBoth }

// Report returns the document for /submit.
func (c Content) Report() cybertip.Report {
	r := cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{
			IncidentType:                cybertip.IncidentCSAM,
			Platform:                    c.Reporter.Platform,
			EscalateToHighPriority:      c.Words,
			ReportAnnotations:           c.annotations(),
			IncidentDateTime:            cybertip.At(c.IncidentAt),
			IncidentDateTimeDescription: c.IncidentIs,
		},
		Reporter:       c.reporter(),
		AdditionalInfo: c.why(),
	}
	if c.Facts.Upload.URL != "" {
		r.InternetDetails = []cybertip.InternetDetails{{WebPage: &cybertip.WebPageIncident{URL: []string{c.Facts.Upload.URL}}}}
	}
	if c.childOwn() {
		r.Victim = []cybertip.Victim{{Person: c.person(), Account: c.account()}}
	} else {
		p := c.person()
		r.PersonOrUserReported = []cybertip.PersonOrUserReported{{Person: &p, Account: c.account()}}
	}
	cybertip.Clean(&r)
	return r
}

func (c Content) annotations() *cybertip.ReportAnnotations {
	a := cybertip.ReportAnnotations{MinorToMinorInteraction: cybertip.Flag(c.Role == houvast.RolePeer)}
	for _, o := range c.Observations {
		a.CSAMSolicitation = a.CSAMSolicitation || o.What == houvast.AspectOrigin && o.Value == "grooming"
	}
	if a == (cybertip.ReportAnnotations{}) {
		return nil
	}
	return &a
}

func (c Content) reporter() cybertip.Reporter {
	var r cybertip.Reporter
	r.ReportingPerson.FirstName, r.ReportingPerson.LastName = c.Reporter.FirstName, c.Reporter.LastName
	if c.Reporter.Email != "" {
		r.ReportingPerson.Email = []cybertip.Email{{Address: c.Reporter.Email}}
	}
	if c.Reporter.Phone24h != "" {
		r.ContactPerson = &cybertip.ContactPerson{FirstName: c.Reporter.Organisation, Phone: []cybertip.Phone{{Number: c.Reporter.Phone24h}}}
	}
	r.CompanyTemplate, r.TermsOfService, r.LegalURL = c.Reporter.Template, c.Reporter.Terms, c.Reporter.LegalURL
	return r
}

func (c Content) person() (p cybertip.Person) {
	if c.Facts.Upload.Email != "" {
		p.Email = []cybertip.Email{{Address: c.Facts.Upload.Email}}
	}
	return p
}

func (c Content) account() cybertip.Account {
	u := c.Facts.Upload
	a := cybertip.Account{ESPIdentifier: u.Account.ID, ESPService: u.Account.Source, ScreenName: u.ScreenName}
	if u.ProfileURL != "" {
		a.ProfileURL = []string{u.ProfileURL}
	}
	if e := c.capture(); e != nil {
		a.IPCaptureEvent = []cybertip.IPCaptureEvent{*e}
	}
	return a
}

// capture is the address of the upload, nil when the platform did not tell it.
func (c Content) capture() *cybertip.IPCaptureEvent {
	u := c.Facts.Upload
	if u.IP == "" {
		return nil
	}
	return &cybertip.IPCaptureEvent{IPAddress: u.IP, EventName: cybertip.EventUpload, DateTime: cybertip.At(u.UploadedAt), Port: u.Port}
}

// FileDetails returns the document for /fileinfo. viewed comes from the recorded reveals.
func (c Content) FileDetails(remote int64, file string, viewed bool) cybertip.FileDetails {
	f := c.Facts
	d := cybertip.FileDetails{
		ReportID:               remote,
		FileID:                 file,
		FileName:               FileName(f.MediaType),
		OriginalFileName:       f.Upload.FileName,
		UploadedToESPTimestamp: cybertip.At(f.Upload.UploadedAt),
		LocationOfFile:         f.Upload.URL,
		FileViewedByESP:        cybertip.AnswerOf(viewed),
		EXIFViewedByESP:        cybertip.No, // no page shows it to anybody
		FileRelevance:          cybertip.Relevance("Reported"),
		OriginalFileHash:       []cybertip.Hash{{Type: "MD5", Value: f.MD5}, {Type: "SHA1", Value: f.SHA1}, {Type: "SHA256", Value: f.SHA256}},
		IPCaptureEvent:         c.capture(),
		AdditionalInfo:         []string{c.why()},
	}
	if f.PDQ != "" {
		d.OriginalFileHash = append(d.OriginalFileHash, cybertip.Hash{Type: "PDQ", Value: f.PDQ})
	}
	switch f.Upload.ContextKind {
	case houvast.PublicPost, houvast.PublicRoom, houvast.ProfileArt:
		d.PubliclyAvailable = cybertip.Yes
	}
	if c.Role == houvast.RoleBoth && viewed { // who has not looked describes nothing; the victim block says it anyway
		d.FileAnnotations = &cybertip.FileAnnotations{PossibleSelfProduction: true}
	}
	cybertip.CleanFileDetails(&d)
	return d
}

// why says how the file was found, so that its reader need not guess: which list, which hash, how
// near.
func (c Content) why() string {
	var b strings.Builder
	b.WriteString("Why this file was flagged: ")
	for i, m := range c.Facts.Matches {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more entries", len(c.Facts.Matches)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		switch m.Kind {
		case houvast.KindPDQ:
			fmt.Fprintf(&b, "PDQ hash at distance %d of 256 bits (profile %s, orientation %s)", m.Distance, m.Profile, m.Orientation)
		default:
			fmt.Fprintf(&b, "equal %s", strings.ToUpper(string(m.Kind)))
		}
		fmt.Fprintf(&b, " in the %s list %s", m.Trust, m.BankName)
		if m.EntryTag != "" {
			fmt.Fprintf(&b, ", there in category %s", m.EntryTag)
		}
	}
	if len(c.Facts.Matches) == 0 {
		b.WriteString("by a person")
	}
	b.WriteString(". A person decided the case on " + c.DecidedAt.UTC().Format("2006-01-02 15:04 MST") + ".")
	if c.RetainDays > 0 {
		b.WriteString(" The file and this report are preserved for " + strconv.Itoa(c.RetainDays) + " days after filing.")
	}
	return b.String()
}

// FileName is the plain name under which a file is sent; the original name goes into the details.
func FileName(mediaType string) string {
	switch mediaType {
	case "image/jpeg":
		return "file-1.jpg"
	case "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff":
		return "file-1." + strings.TrimPrefix(mediaType, "image/")
	}
	return "file-1.bin"
}

// Marshal and Unmarshal are how content is sealed and opened.
func (c Content) Marshal() ([]byte, error) { return json.Marshal(c) }

// ParseContent reads what Marshal wrote.
func ParseContent(b []byte) (c Content, err error) {
	if err = json.Unmarshal(b, &c); err != nil {
		err = houvast.Errorf("report.ParseContent", houvast.Corrupt, "", "the content of the report cannot be read")
	}
	return c, err
}
