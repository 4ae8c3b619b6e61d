package cybertip

// Report is the root of the document that /submit takes. Order, names and cardinality are those of
// the schema of 2025-11-10.
type Report struct {
	BatchedReport        *BatchedReport         `xml:"batchedReport,omitempty"`
	IncidentSummary      IncidentSummary        `xml:"incidentSummary"`
	InternetDetails      []InternetDetails      `xml:"internetDetails,omitempty"`
	LawEnforcement       *LawEnforcement        `xml:"lawEnforcement,omitempty"`
	Reporter             Reporter               `xml:"reporter"`
	PersonOrUserReported []PersonOrUserReported `xml:"personOrUserReported,omitempty"` // the schema allows many, the documentation 0 or 1
	IntendedRecipient    []IntendedRecipient    `xml:"intendedRecipient,omitempty"`
	Victim               []Victim               `xml:"victim,omitempty"`
	AdditionalInfo       string                 `xml:"additionalInfo,omitempty"`
}

// BatchedReport says that the report stands for many alike.
type BatchedReport struct {
	Reason BatchReason `xml:"reason,attr,omitempty" rule:"req"`
}

// IncidentSummary says what happened and when. Type and time are the two things that the service
// itself asks for.
type IncidentSummary struct {
	IncidentType IncidentType `xml:"incidentType" rule:"req"`
	Platform     string       `xml:"platform,omitempty" rule:"max=256"` // full name of the application
	// EscalateToHighPriority escalates by being present; the text is the reason, in a person's words.
	EscalateToHighPriority string             `xml:"escalateToHighPriority,omitempty" rule:"max=3000"`
	ReportAnnotations      *ReportAnnotations `xml:"reportAnnotations,omitempty"`
	IncidentDateTime       Time               `xml:"incidentDateTime" rule:"req"`
	// IncidentDateTimeDescription says which event the time is that of.
	IncidentDateTimeDescription string `xml:"incidentDateTimeDescription,omitempty" rule:"max=3000"`
}

// ReportAnnotations are marks on the whole report; they may come in any order.
type ReportAnnotations struct {
	Sextortion                 Flag `xml:"sextortion,omitempty"`
	CSAMSolicitation           Flag `xml:"csamSolicitation,omitempty"`
	MinorToMinorInteraction    Flag `xml:"minorToMinorInteraction,omitempty"`
	Spam                       Flag `xml:"spam,omitempty"`
	SadisticOnlineExploitation Flag `xml:"sadisticOnlineExploitation,omitempty"`
}

func (ReportAnnotations) anyOrder() {}

// InternetDetails holds exactly one incident. Repeat it for more.
type InternetDetails struct {
	WebPage      *WebPageIncident      `xml:"webPageIncident,omitempty"`
	Email        *EmailIncident        `xml:"emailIncident,omitempty"`
	Newsgroup    *NewsgroupIncident    `xml:"newsgroupIncident,omitempty"`
	ChatIM       *ChatIMIncident       `xml:"chatImIncident,omitempty"`
	OnlineGaming *OnlineGamingIncident `xml:"onlineGamingIncident,omitempty"`
	CellPhone    *CellPhoneIncident    `xml:"cellPhoneIncident,omitempty"`
	NonInternet  *NonInternetIncident  `xml:"nonInternetIncident,omitempty"`
	PeerToPeer   *PeerToPeerIncident   `xml:"peer2peerIncident,omitempty"`
}

// WebPageIncident happened on a page. The service refuses a URL with white space in it.
type WebPageIncident struct {
	ThirdPartyHostedContent Answer   `xml:"thirdPartyHostedContent,attr,omitempty"`
	URL                     []string `xml:"url" rule:"fmt=url"`
	AdditionalInfo          string   `xml:"additionalInfo,omitempty"`
}

// EmailIncident happened by mail; the content holds headers, subject and body.
type EmailIncident struct {
	EmailAddress   []Email `xml:"emailAddress,omitempty"`
	Content        string  `xml:"content,omitempty"`
	AdditionalInfo string  `xml:"additionalInfo,omitempty"`
}

// NewsgroupIncident happened in a newsgroup.
type NewsgroupIncident struct {
	Name           string  `xml:"name,omitempty" rule:"max=255"`
	EmailAddress   []Email `xml:"emailAddress,omitempty"`
	Content        string  `xml:"content,omitempty"`
	AdditionalInfo string  `xml:"additionalInfo,omitempty"`
}

// ChatIMIncident happened in a chat; the content is the log of it.
type ChatIMIncident struct {
	ChatClient     string `xml:"chatClient,omitempty" rule:"max=255"`
	ChatRoomName   string `xml:"chatRoomName,omitempty" rule:"max=255"`
	Content        string `xml:"content,omitempty"`
	AdditionalInfo string `xml:"additionalInfo,omitempty"`
}

// OnlineGamingIncident happened in a game.
type OnlineGamingIncident struct {
	GameName       string `xml:"gameName,omitempty" rule:"max=255"`
	Console        string `xml:"console,omitempty" rule:"max=255"`
	Content        string `xml:"content,omitempty"`
	AdditionalInfo string `xml:"additionalInfo,omitempty"`
}

// CellPhoneIncident happened by telephone. Latitude and longitude are in degrees.
type CellPhoneIncident struct {
	PhoneNumber    *Phone   `xml:"phoneNumber,omitempty"`
	Latitude       *float64 `xml:"latitude,omitempty" rule:"range=-90..90"`
	Longitude      *float64 `xml:"longitude,omitempty" rule:"range=-180..180"`
	AdditionalInfo string   `xml:"additionalInfo,omitempty"`
}

// NonInternetIncident happened away from any network.
type NonInternetIncident struct {
	LocationName    string    `xml:"locationName,omitempty" rule:"max=255"`
	IncidentAddress []Address `xml:"incidentAddress,omitempty"`
	AdditionalInfo  string    `xml:"additionalInfo,omitempty"`
}

// PeerToPeerIncident happened in a file-sharing network.
type PeerToPeerIncident struct {
	Client         string           `xml:"client,omitempty" rule:"max=255"`
	IPCaptureEvent []IPCaptureEvent `xml:"ipCaptureEvent,omitempty"`
	FileNames      string           `xml:"fileNames,omitempty"`
	AdditionalInfo string           `xml:"additionalInfo,omitempty"`
}

// LawEnforcement is filled when police already know, or when the search began with their request.
type LawEnforcement struct {
	AgencyName                      string               `xml:"agencyName" rule:"req,max=255"`
	CaseNumber                      string               `xml:"caseNumber,omitempty" rule:"max=100"`
	OfficerContact                  *ContactPerson       `xml:"officerContact,omitempty"`
	ReportedToLE                    Answer               `xml:"reportedToLe,omitempty"`
	ServedLegalProcessDomestic      Answer               `xml:"servedLegalProcessDomestic,omitempty"`
	ServedLegalProcessInternational *ForeignLegalProcess `xml:"servedLegalProcessInternational,omitempty"`
}

// ForeignLegalProcess says whether foreign police served legal process, and from where.
type ForeignLegalProcess struct {
	FleaCountry Country `xml:"fleaCountry,attr,omitempty"`
	Served      Answer  `xml:",chardata" rule:"req"`
}

// Reporter is the organisation that reports.
type Reporter struct {
	ReportingPerson Person         `xml:"reportingPerson"`
	ContactPerson   *ContactPerson `xml:"contactPerson,omitempty"`   // whom police should call
	CompanyTemplate string         `xml:"companyTemplate,omitempty"` // service of process, retention, 24-hour telephone
	TermsOfService  string         `xml:"termsOfService,omitempty"`
	LegalURL        string         `xml:"legalURL,omitempty" rule:"max=2083,fmt=url"`
}
