// Package schema is the practice clearinghouse's own description of CyberTipline documents: which
// elements there are, in which order and how often, which attributes, which values. It reads raw
// bytes into a tree, judges the tree, and prints the same table as XML Schema.
//
// It belongs to package practice and follows its rule: nothing of Houvast is imported, so that no
// mistake is shared with the client that practice judges. Its source is the project's note on the
// CyberTipline interface, 1.5 and 1.6. Where libxml2 and the XML Schema standard differ,
// what either refuses is refused; the tests hold every verdict against xmllint and name the one
// value that it lets pass.
package schema

import (
	"fmt"
	"strings"
)

// This file is the clearinghouse's own description of every document it reads and writes: section
// 1.5 (elements, in wire order) and 1.6 (values). The validator walks it and GET /ispws/xsd prints
// it, so that what is published is what is enforced.
//
// One line is one complex type:
//
//	name @attribute:type @required!:type = MODEL item item ...
//
// An item is an element name with a cardinality (none = 1, ? = 0..1, * = 0..n, + = 1..n) and a type
// after a colon; without one it has the complex type of its own name if there is one, else string.
// a|b is a choice of both. MODEL is nothing (sequence), all, one (choice), empty, or text TYPE.
//
// Lengths that the published documentation mentions are not part of the schema and not enforced.
const schemaText = `
report = batchedReport? incidentSummary internetDetails* lawEnforcement? reporter personOrUserReported* intendedRecipient* victim* additionalInfo?
batchedReport @reason!:batchReason = empty
incidentSummary = incidentType:incidentType platform? escalateToHighPriority? reportAnnotations? incidentDateTime:dateTime incidentDateTimeDescription?
reportAnnotations = all sextortion?:flag csamSolicitation?:flag minorToMinorInteraction?:flag spam?:flag sadisticOnlineExploitation?:flag

internetDetails = one webPageIncident emailIncident newsgroupIncident chatImIncident onlineGamingIncident cellPhoneIncident nonInternetIncident peer2peerIncident
webPageIncident @thirdPartyHostedContent:boolean = url* additionalInfo?
emailIncident = emailAddress*:email content? additionalInfo?
newsgroupIncident = name? emailAddress*:email content? additionalInfo?
chatImIncident = chatClient? chatRoomName? content? additionalInfo?
onlineGamingIncident = gameName? console? content? additionalInfo?
cellPhoneIncident = phoneNumber?:phone latitude?:double longitude?:double additionalInfo?
nonInternetIncident = locationName? incidentAddress*:address additionalInfo?
peer2peerIncident = client? ipCaptureEvent* fileNames? additionalInfo?

lawEnforcement = agencyName caseNumber? officerContact?:contactPerson reportedToLe?:boolean servedLegalProcessDomestic?:boolean servedLegalProcessInternational?
servedLegalProcessInternational @fleaCountry:country = text boolean
reporter = reportingPerson:person contactPerson? companyTemplate? termsOfService? legalURL?

personOrUserReported = personOrUserReportedPerson?:person vehicleDescription? espIdentifier? espService? compromisedAccount?:boolean screenName? displayName* profileUrl* profileBio? ipCaptureEvent* deviceId* thirdPartyUserReported?:boolean priorCTReports*:long groupIdentifier? accountTemporarilyDisabled? accountPermanentlyDisabled? estimatedLocation? allEmailsReported?:boolean associatedAccount* additionalInfo?
intendedRecipient = intendedRecipientPerson?:person espIdentifier? espService? compromisedAccount?:boolean screenName? displayName* profileUrl* profileBio? ipCaptureEvent* deviceId* priorCTReports*:long groupIdentifier? accountTemporarilyDisabled? accountPermanentlyDisabled? estimatedLocation? allEmailsReported?:boolean additionalInfo*
victim = victimPerson:person espIdentifier? espService? compromisedAccount?:boolean screenName? displayName* profileUrl* profileBio? ipCaptureEvent* deviceId* schoolName? priorCTReports*:long accountTemporarilyDisabled? accountPermanentlyDisabled? estimatedLocation? allEmailsReported?:boolean associatedAccount* additionalInfo?
associatedAccount @type!:associatedAccountType = platform?:accountPlatform firstName? middleName? lastName? approximateAge?:int dateOfBirth?:date phone* email* allEmailsReported?:boolean address* espService? espIdentifier? profileUrl* screenName? displayName* profileBio? groupIdentifier? compromisedAccount?:boolean accountTemporarilyDisabled? accountPermanentlyDisabled? ipCaptureEvent* deviceId* priorCTReport*:long additionalInfo?
accountPlatform @thirdPartyUser:boolean = text string

person = firstName? lastName? phone* email* address* age?:age dateOfBirth?:date
contactPerson = firstName? lastName? phone* email* address*
address @type:addressType = address?:string city? zipCode? state?:state nonUsaState? country?:country
email @type:emailType @verified:boolean @verificationDate:dateTime = text string
phone @type:phoneType @verified:boolean @verificationDate:dateTime @countryCallingCode:callingCode @extension:extension = text string
ipCaptureEvent = ipAddress eventName?:captureType dateTime?:dateTime possibleProxy?:boolean port?:port
deviceId = idType idValue eventName?:captureType dateTime?:dateTime
estimatedLocation @verified:boolean @timestamp:dateTime = city? region? countryCode?:country
accountTemporarilyDisabled @disabledDate:dateTime @userNotified:boolean @userNotifiedDate:dateTime @reenabledDate:dateTime = text boolean
accountPermanentlyDisabled @disabledDate:dateTime @userNotified:boolean @userNotifiedDate:dateTime = text boolean

fileDetails = reportId:long fileId:token fileName? originalFileName? uploadedToEspTimestamp?:dateTime locationOfFile? fileViewedByEsp?:boolean exifViewedByEsp?:boolean publiclyAvailable?:boolean fileRelevance?:relevance potentialMeme?:boolean|fileAnnotations? industryClassification?:classification originalFileHash*:hash ipCaptureEvent? deviceId* details* additionalInfo*
fileAnnotations = all animeDrawingVirtualHentai?:flag potentialMeme?:flag viral?:flag possibleSelfProduction?:flag physicalHarm?:flag violenceGore?:flag bestiality?:flag liveStreaming?:flag infant?:flag generativeAi?:flag
hash @hashType!:string = text string
details @type:detailsType = nameValuePair+
nameValuePair = name value

reportResponse = responseCode:int responseDescription reportId?:long fileId?:token hash?:string
reportDoneResponse = responseCode:int reportId:long files
files = fileId*:token
`

// roots are the elements a document may start with: two that are read and two that are written.
var roots = []string{"report", "fileDetails", "reportResponse", "reportDoneResponse"}

// model is how the children of an element are arranged.
type model int

const (
	inOrder model = iota
	anyOrder
	oneOf
	noContent
	textOnly
)

// complexType is one line of the table.
type complexType struct {
	name  string
	attrs []attribute
	model model
	base  string     // for textOnly: the simple type of the content
	parts []particle // inOrder and anyOrder: one per item; oneOf: exactly one
}

type attribute struct {
	name, kind string
	required   bool
}

// particle is a place in the content: one element, or a choice of several.
type particle struct {
	min, max int // max -1: unbounded
	options  []elementDecl
}

// elementDecl says what an element of this name is at this place: complex or, when that is nil,
// of the simple type kind.
type elementDecl struct {
	name, kind string
	complex    *complexType
}

// Schema is the table, read.
type Schema struct {
	types []*complexType // in the order of the table
	named map[string]*complexType
}

// New reads the table. It panics on a mistake in it, which any test would meet.
func New() *Schema { return parseSchema(schemaText) }

func parseSchema(table string) *Schema {
	s := &Schema{named: map[string]*complexType{}}
	bodies := map[string][]string{}
	for line := range strings.Lines(table) {
		head, body, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		words := strings.Fields(head)
		t := &complexType{name: words[0]}
		for _, w := range words[1:] {
			name, kind, _ := strings.Cut(strings.TrimPrefix(w, "@"), ":")
			bare, required := strings.CutSuffix(name, "!")
			if simpleTypes[kind] == nil {
				panic("practice/schema: no simple type " + kind)
			}
			t.attrs = append(t.attrs, attribute{bare, kind, required})
		}
		s.types = append(s.types, t)
		s.named[t.name] = t
		bodies[t.name] = strings.Fields(body)
	}
	for _, t := range s.types {
		s.content(t, bodies[t.name])
	}
	return s
}

func (s *Schema) content(t *complexType, items []string) {
	switch items[0] {
	case "empty":
		t.model = noContent
		return
	case "text":
		t.model, t.base = textOnly, items[1]
		return
	case "all":
		t.model, items = anyOrder, items[1:]
	case "one":
		t.model, items = oneOf, []string{strings.Join(items[1:], "|")}
	}
	for _, item := range items {
		p := particle{min: 1, max: 1}
		for option := range strings.SplitSeq(item, "|") {
			p.options = append(p.options, s.element(&p, option))
		}
		t.parts = append(t.parts, p)
	}
}

// element reads one item and widens p to its cardinality.
func (s *Schema) element(p *particle, item string) elementDecl {
	name, kind, typed := strings.Cut(item, ":")
	if i := strings.IndexAny(name, "?*+"); i >= 0 {
		if name[i] != '+' {
			p.min = 0
		}
		if name[i] != '?' {
			p.max = -1
		}
		name = name[:i]
	}
	if !typed {
		kind = "string"
		if s.named[name] != nil {
			kind = name
		}
	}
	d := elementDecl{name: name, kind: kind}
	if simpleTypes[kind] == nil {
		if d.complex = s.named[kind]; d.complex == nil {
			panic(fmt.Sprintf("practice/schema: no type %s for element %s", kind, name))
		}
	}
	return d
}
