package cybertip

import (
	"maps"
	"slices"
	"strings"
)

// A Level says what a finding does to the report.
type Level string

// The levels.
const (
	Block Level = "block" // nothing is sent
	Warn  Level = "warn"  // recommended; a person may send without
)

// A Rule is one line of the check list. The id is stable and is what translations hang on.
type Rule struct {
	ID    string
	Level Level
	Text  string // English, with {placeholders} for the arguments of a finding
}

// Rules returns the whole check list, structure first.
func Rules() []Rule { return slices.Clone(ruleTable[:]) }

var ruleTable = [...]Rule{
	// What the schema and the documentation say about the form.
	{"structure-missing", Block, "this element must have a value"},
	{"structure-too-long", Block, "the text is longer than {max} characters"},
	{"structure-value", Block, "the value is not one that the service knows"},
	{"structure-range", Block, "the number lies outside {range}"},
	{"structure-format", Block, "the text does not have the form of: {format}"},
	{"structure-text", Block, "the text holds characters that XML cannot carry"},
	{"structure-incident", Block, "each part of the internet details holds exactly one incident"},
	{"structure-meme", Block, "potentialMeme and fileAnnotations exclude each other"},

	// The incident.
	{"incident-future", Block, "the incident lies in the future"},
	{"incident-time-undescribed", Warn, "recommended: say which event the incident time is that of"},
	{"incident-platform", Warn, "recommended: name the application where it happened"},
	{"incident-details", Warn, "recommended: say where it happened, with the content or the address"},
	{"incident-sextortion", Warn, "recommended: with the sextortion mark, the type is online enticement"},
	{"incident-no-file", Warn, "recommended: a report of CSAM has at least one file"},
	{"escalation-reason", Block, "an escalation needs a reason in a person's words"},

	// Who reports.
	{"reporter-email", Block, "the reporting person has no e-mail address"},
	{"reporter-contact", Warn, "recommended: a contact person whom police can call, with a telephone number"},
	{"reporter-legal", Warn, "recommended: the address of a page about legal process"},
	{"reporter-template", Warn, "recommended: company text about service of process and retention"},

	// Who is reported.
	{"reported-nobody", Warn, "recommended: say which account is reported"},
	{"reported-many", Warn, "recommended: one report for each reported person"},
	{"reported-identifier", Block, "the reported account has no identifier that the service can resolve"},
	{"reported-is-child", Block, "the same account is reported and named as victim"},
	{"reported-minor", Warn, "the reported person is stated to be under 18; check who is the child here"},
	{"reported-screen-name", Warn, "recommended: the screen name"},
	{"reported-profile", Warn, "recommended: the address of the profile"},
	{"reported-reachable", Warn, "recommended: e-mail addresses or telephone numbers of the account"},
	{"reported-verified", Warn, "recommended: say whether this was verified, and when"},
	{"reported-all-emails", Warn, "recommended: say whether these are all e-mail addresses"},
	{"reported-registration", Warn, "recommended: the address at registration"},
	{"reported-login", Warn, "recommended: the address of a recent login"},
	{"reported-compromised", Warn, "recommended: say whether the account was taken over"},
	{"reported-disabled", Warn, "recommended: say whether and when the account was disabled and whether its user was told"},
	{"location-unverified", Warn, "recommended: an estimated location says whether it was verified, and its time"},
	{"capture-time", Warn, "recommended: the time at which the address was seen"},
	{"capture-port", Warn, "recommended: the port; many users can share one address"},
	{"victim-is-recipient", Warn, "the same account is victim and intended recipient"},

	// Each file.
	{"file-viewed", Block, "whether the whole file was viewed must be answered from the record of viewing"},
	{"file-exif-viewed", Block, "whether the EXIF data was viewed must be answered from the record of viewing"},
	{"file-exif-without-view", Block, "EXIF data cannot have been viewed when the file was not"},
	{"file-classification-relevance", Block, "only a file with relevance Reported may be classified"},
	{"file-classification-agreement", Block, "classification is for signatories of the industry hash sharing agreement"},
	{"file-meme-relevance", Block, "only a file with relevance Reported may be called a potential meme"},
	{"file-unseen", Block, "nobody viewed the file and no list said this, so it cannot be classified or described"},
	{"file-original-name", Warn, "recommended: the file name at upload"},
	{"file-upload-time", Warn, "recommended: the time of upload"},
	{"file-upload-address", Warn, "recommended: the network address of the upload"},
	{"file-location", Warn, "recommended: the address where the file stood"},
	{"file-public", Warn, "recommended: say whether the file was open to anyone"},
	{"file-hash", Warn, "recommended: {type} of the original file"},
	{"file-why", Warn, "recommended: say why the file was flagged, and by what"},

	// Before finishing.
	{"file-not-uploaded", Block, "the file was not uploaded"},
	{"file-report-mismatch", Block, "the details belong to another report"},
	{"file-repeated", Block, "two files have the same file id"},
	{"file-md5", Block, "the service received other bytes than were sent"},
}

// A Finding is one thing that a check has to say. It never holds content of the report.
type Finding struct {
	Rule  string            `json:"rule"`
	Level Level             `json:"level"`
	Path  string            `json:"path"` // such as /report/personOrUserReported[1]; files count as /fileDetails[1]
	Args  map[string]string `json:"args,omitempty"`
}

// Text returns the English text with its arguments.
func (f Finding) Text() string {
	i := slices.IndexFunc(ruleTable[:], func(r Rule) bool { return r.ID == f.Rule })
	if i < 0 {
		return f.Rule
	}
	text := ruleTable[i].Text
	for _, key := range slices.Sorted(maps.Keys(f.Args)) {
		text = strings.ReplaceAll(text, "{"+key+"}", f.Args[key])
	}
	return text
}

// Blocked reports whether any finding blocks.
func Blocked(all []Finding) bool {
	return slices.ContainsFunc(all, func(f Finding) bool { return f.Level == Block })
}

// findings collects. The level comes from the table; a rule that is not in it is our defect and
// blocks.
type findings struct{ all []Finding }

func (fs *findings) add(rule, path string, args ...string) {
	f := Finding{Rule: rule, Level: Block, Path: path}
	if i := slices.IndexFunc(ruleTable[:], func(r Rule) bool { return r.ID == rule }); i >= 0 {
		f.Level = ruleTable[i].Level
	}
	for i := 0; i+1 < len(args); i += 2 {
		if f.Args == nil {
			f.Args = map[string]string{}
		}
		f.Args[args[i]] = args[i+1]
	}
	fs.all = append(fs.all, f)
}

// addIf adds when bad.
func (fs *findings) addIf(bad bool, rule, path string, args ...string) {
	if bad {
		fs.add(rule, path, args...)
	}
}
