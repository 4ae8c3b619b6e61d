package houvast

import "time"

// Category is what a bank holds, from a closed list: no category outside child protection exists.
type Category string

// The categories of banks.
const (
	ChildAbuse    Category = "child_abuse"
	Exploitation  Category = "exploitation"
	SelfSubmitted Category = "self_submitted" // fingerprints that young people made of their own pictures
	NCIIAdult     Category = "ncii_adult"
	Negative      Category = "negative" // known not to be abuse; never outranks a verified list
)

// Categories returns the closed list.
func Categories() []Category {
	return []Category{ChildAbuse, Exploitation, SelfSubmitted, NCIIAdult, Negative}
}

// Trust says whether the entries of a bank were verified by trained people before they came to us.
// Nothing acts on an unverified bank but a person.
type Trust string

// The two degrees of trust.
const (
	Verified   Trust = "verified"
	Unverified Trust = "unverified"
)

// HashKind names the hash by which an item met a bank entry.
type HashKind string

// The kinds of hashes.
const (
	KindPDQ    HashKind = "pdq"
	KindMD5    HashKind = "md5"    // collides at will: never acts alone
	KindSHA1   HashKind = "sha1"   // collides for money: never acts alone
	KindSHA256 HashKind = "sha256" // the only one that proves the same bytes
)

// A Match is one bank entry that an item met, with everything a person needs to weigh it. It is
// copied into the case, so that what was known at the time stays known.
type Match struct {
	Bank        BankID      `json:"bank"`
	BankName    string      `json:"bank_name"`
	Category    Category    `json:"category"`
	Trust       Trust       `json:"trust"`
	Entry       EntryID     `json:"entry"`
	EntryTag    Category    `json:"entry_category,omitempty"` // the list's own category of this entry
	Member      string      `json:"member,omitempty"`
	SourceID    string      `json:"source_id,omitempty"`
	Note        string      `json:"note,omitempty"`
	Kind        HashKind    `json:"kind"`
	Profile     Profile     `json:"profile,omitempty"` // of our hash that met the entry; PDQ only
	Distance    int         `json:"distance"`          // bits, 0 to 256; PDQ only
	Orientation Orientation `json:"orientation,omitempty"`
}

// Facts are what a case is decided from, copied when it opens. They hold no picture.
type Facts struct {
	Item     ItemID    `json:"item"`
	Bytes    int64     `json:"bytes"`
	Received time.Time `json:"received_at"`
	Upload   Upload    `json:"upload"`

	MediaType string `json:"media_type"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	MD5       string `json:"md5"`
	SHA1      string `json:"sha1"`
	SHA256    string `json:"sha256"`
	PDQ       string `json:"pdq,omitempty"`
	Quality   int    `json:"pdq_quality"`

	Matches []Match `json:"matches"` // best first
}

// Decision is what a person decides about a case; the table of consequences is in internal/review.
type Decision string

// The eight decisions.
const (
	DecideAbuse      Decision = "abuse"
	DecideUrgent     Decision = "urgent"
	DecideOwn        Decision = "own"
	DecideAgeInDoubt Decision = "age_in_doubt"
	DecideDrawn      Decision = "drawn"
	DecideFamily     Decision = "family_medical_art"
	DecideNotAbuse   Decision = "not_abuse"
	DecideCannotTell Decision = "cannot_tell"
)

// Decisions returns all eight, in the order in which a console shows them.
func Decisions() [8]Decision {
	return [...]Decision{DecideAbuse, DecideUrgent, DecideOwn, DecideAgeInDoubt, DecideDrawn, DecideFamily, DecideNotAbuse, DecideCannotTell}
}

// Role is the part that the uploader plays in the picture. It is asked before any report and has no
// default: a child never lands in the reported person's place.
type Role string

// The roles of an uploader.
const (
	RoleUploader Role = "uploader" // not in the picture
	RoleChild    Role = "child"    // the child in the picture
	RoleBoth     Role = "both"     // made and sent by the child that it shows
	RolePeer     Role = "peer"     // a minor who passed it on
	RoleUnknown  Role = "unknown"
)

// Roles returns all roles.
func Roles() []Role { return []Role{RoleUploader, RoleChild, RoleBoth, RolePeer, RoleUnknown} }

// Basis says how somebody knows what they observed. Who has not looked cannot have assessed.
type Basis string

// The bases.
const (
	BasisSeen        Basis = "seen"   // at a rendition, recorded as a reveal
	BasisList        Basis = "list"   // the tag of a bank entry
	BasisStated      Basis = "stated" // somebody said so
	BasisNotAssessed Basis = "not_assessed"
)

// An Observation is one thing a person observed, with its basis.
type Observation struct {
	What  Aspect `json:"what"`
	Value string `json:"value,omitempty"` // from Values(What); empty for age and when not assessed
	Min   int    `json:"min,omitempty"`   // apparent age in whole years, only for age
	Max   int    `json:"max,omitempty"`
	Basis Basis  `json:"basis"`
}

// Aspect is what an observation is about.
type Aspect string

// The aspects. Every band (A1-B2, IWF, under 13) is a projection of these and is never stored.
const (
	AspectAge        Aspect = "age"
	AspectAct        Aspect = "act_class"
	AspectProduction Aspect = "production"
	AspectSynthetic  Aspect = "synthetic"
	AspectOrigin     Aspect = "origin"
	AspectChannel    Aspect = "channel"
	AspectPurpose    Aspect = "purpose"
	AspectRelation   Aspect = "relation"
)

// Aspects returns all aspects.
func Aspects() []Aspect {
	return []Aspect{AspectAge, AspectAct, AspectProduction, AspectSynthetic, AspectOrigin, AspectChannel, AspectPurpose, AspectRelation}
}

// Values returns the closed list of values of an aspect; nil for age.
func (a Aspect) Values() []string {
	switch a {
	case AspectAct:
		return []string{"class_1", "class_2", "class_3", "class_4"} // reporting vocabularies, most severe first
	case AspectProduction:
		return []string{"adult_present", "self_produced", "coerced_remotely", "livestream", "unknown"}
	case AspectSynthetic:
		return []string{"photographic", "drawn", "synthetic", "altered"}
	case AspectOrigin:
		return []string{"commercial", "grooming", "sextortion", "known_person", "hacked", "passed_on", "unknown"}
	case AspectChannel:
		return []string{"social", "messenger", "open_group", "peer_to_peer", "web", "forum", "onion", "mail", "offline"}
	case AspectPurpose:
		return []string{"sale", "entry_ticket", "collection", "extortion", "peer_trade", "unknown"}
	case AspectRelation:
		return []string{"household", "family", "friend_of_family", "school_or_club", "peer", "online_only", "unknown"}
	}
	return nil
}
