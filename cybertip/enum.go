package cybertip

import "slices"

// An enumeration knows its own values; the walk over a report asks it.
type enumeration interface{ Valid() bool }

// IncidentType is what a report is about. Its values are exact strings; a letter less is refused.
type IncidentType string

// The incident types.
const (
	// IncidentCSAM is wire-only; everywhere else: CSAM.
	IncidentCSAM        IncidentType = "Child Pornography (possession, manufacture, and distribution)"
	IncidentTrafficking IncidentType = "Child Sex Trafficking"
	IncidentTravel      IncidentType = "Child Sex Tourism" // wire-only wording
	IncidentMolestation IncidentType = "Child Sexual Molestation"
	IncidentDomainName  IncidentType = "Misleading Domain Name"
	IncidentMisleading  IncidentType = "Misleading Words or Digital Images on the Internet"
	IncidentEnticement  IncidentType = "Online Enticement of Children for Sexual Acts" // with the annotation: sextortion
	IncidentUnsolicited IncidentType = "Unsolicited Obscene Material Sent to a Child"
)

// IncidentTypes returns all eight in the order of the schema.
func IncidentTypes() []IncidentType {
	return []IncidentType{IncidentCSAM, IncidentTrafficking, IncidentTravel, IncidentMolestation,
		IncidentDomainName, IncidentMisleading, IncidentEnticement, IncidentUnsolicited}
}

// Valid reports whether the service knows t.
func (t IncidentType) Valid() bool { return slices.Contains(IncidentTypes(), t) }

// Key returns a short stable name for translations and logs, "" for an unknown type.
func (t IncidentType) Key() string {
	keys := [...]string{"csam", "trafficking", "travel", "molestation", "domain-name", "misleading", "enticement", "unsolicited"}
	if i := slices.Index(IncidentTypes(), t); i >= 0 {
		return keys[i]
	}
	return ""
}

// BatchReason is why one report stands for many.
type BatchReason string

// BatchViralMeme is the only reason there is.
const BatchViralMeme BatchReason = "VIRAL_POTENTIAL_MEME"

// BatchReasons returns all reasons.
func BatchReasons() []BatchReason { return []BatchReason{BatchViralMeme} }

// Valid reports whether the service knows r.
func (r BatchReason) Valid() bool { return r == BatchViralMeme }

// EventName is what an account or device did when an address was seen.
type EventName string

// The events.
const (
	EventLogin        EventName = "Login"
	EventRegistration EventName = "Registration"
	EventPurchase     EventName = "Purchase"
	EventUpload       EventName = "Upload"
	EventOther        EventName = "Other"
	EventUnknown      EventName = "Unknown"
)

// EventNames returns all events.
func EventNames() []EventName {
	return []EventName{EventLogin, EventRegistration, EventPurchase, EventUpload, EventOther, EventUnknown}
}

// Valid reports whether the service knows e.
func (e EventName) Valid() bool { return slices.Contains(EventNames(), e) }

// AddressType is what an address is for.
type AddressType string

// AddressTypes returns all types of address.
func AddressTypes() []AddressType {
	return []AddressType{"Home", "Business", "Billing", "Shipping", "Technical"}
}

// Valid reports whether the service knows t.
func (t AddressType) Valid() bool { return slices.Contains(AddressTypes(), t) }

// EmailType is what a mail address is for.
type EmailType string

// EmailTypes returns all types of mail address.
func EmailTypes() []EmailType { return []EmailType{"Home", "Work", "Business", "Recovery"} }

// Valid reports whether the service knows t.
func (t EmailType) Valid() bool { return slices.Contains(EmailTypes(), t) }

// PhoneType is what a telephone is for.
type PhoneType string

// PhoneTypes returns all types of telephone.
func PhoneTypes() []PhoneType {
	return []PhoneType{"Mobile", "Home", "Business", "Work", "Fax", "Internet", "Recovery"}
}

// Valid reports whether the service knows t.
func (t PhoneType) Valid() bool { return slices.Contains(PhoneTypes(), t) }

// AccountType is how an associated account belongs to somebody.
type AccountType string

// The types of associated account.
const (
	AccountBilling  AccountType = "Billing"
	AccountLinked   AccountType = "Linked"
	AccountBusiness AccountType = "Business"
	AccountCreator  AccountType = "Creator"
	AccountGuardian AccountType = "Parent/Guardian"
	AccountOther    AccountType = "Other"
)

// AccountTypes returns all types of associated account.
func AccountTypes() []AccountType {
	return []AccountType{AccountBilling, AccountLinked, AccountBusiness, AccountCreator, AccountGuardian, AccountOther}
}

// Valid reports whether the service knows t.
func (t AccountType) Valid() bool { return slices.Contains(AccountTypes(), t) }

// Relevance is how a file belongs to the report.
type Relevance string

// The relevances. Chat logs and profile pictures are supplemental.
const (
	Reported     Relevance = "Reported"
	Supplemental Relevance = "Supplemental Reported"
)

// Relevances returns both.
func Relevances() []Relevance { return []Relevance{Reported, Supplemental} }

// Valid reports whether the service knows r.
func (r Relevance) Valid() bool { return slices.Contains(Relevances(), r) }

// Classification is the industry scale: A before puberty, B in puberty, 1 an act, 2 exhibition.
type Classification string

// Classifications returns all four.
func Classifications() []Classification { return []Classification{"A1", "A2", "B1", "B2"} }

// Valid reports whether the service knows c.
func (c Classification) Valid() bool { return slices.Contains(Classifications(), c) }

// DetailsType is where name and value pairs come from.
type DetailsType string

// The types of details.
const (
	DetailsEXIF DetailsType = "EXIF"
	DetailsHash DetailsType = "HASH"
)

// DetailsTypes returns both.
func DetailsTypes() []DetailsType { return []DetailsType{DetailsEXIF, DetailsHash} }

// Valid reports whether the service knows t.
func (t DetailsType) Valid() bool { return slices.Contains(DetailsTypes(), t) }
