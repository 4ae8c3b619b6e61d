package schema

import "strings"

// simpleTypes are the types of text that schemaText names (sections 1.5 and 1.6).
var simpleTypes = map[string]*simpleType{
	"string":   {base: "xs:string"},
	"token":    {base: "xs:token"},
	"boolean":  {base: "xs:boolean"},
	"dateTime": {base: "xs:dateTime"},
	"date":     {base: "xs:date"},
	"int":      {base: "xs:int"},
	"long":     {base: "xs:long"},
	"double":   {base: "xs:double"},

	// A flag is present or not: <spam/> or <spam>true</spam>. "1" and "false" are refused.
	"flag": {base: "xs:boolean", fixed: "true"},

	"age":         {base: "xs:int", min: 0, max: 150},
	"port":        {base: "xs:int", min: 1, max: 65535},
	"callingCode": {base: "xs:string", pattern: `\+[0-9]{1,3}`},
	"extension":   {base: "xs:string", pattern: `[0-9]+`},

	"batchReason":           enum("VIRAL_POTENTIAL_MEME"),
	"captureType":           enum("Login", "Registration", "Purchase", "Upload", "Other", "Unknown"),
	"addressType":           enum("Home", "Business", "Billing", "Shipping", "Technical"),
	"emailType":             enum("Home", "Work", "Business", "Recovery"),
	"phoneType":             enum("Mobile", "Home", "Business", "Work", "Fax", "Internet", "Recovery"),
	"associatedAccountType": enum("Billing", "Linked", "Business", "Creator", "Parent/Guardian", "Other"),
	"classification":        enum("A1", "A2", "B1", "B2"),
	"detailsType":           enum("EXIF", "HASH"),
	"relevance":             {base: "xs:string", values: []string{"Reported", "Supplemental Reported"}, fallback: "Reported"},
	"country":               enum(append(strings.Fields(countries), "")...),
	"state":                 enum(append(strings.Fields(states), "")...),

	// The first string is wire-only; people say CSAM.
	"incidentType": enum(
		"Child Pornography (possession, manufacture, and distribution)",
		"Child Sex Trafficking",
		"Child Sex Tourism",
		"Child Sexual Molestation",
		"Misleading Domain Name",
		"Misleading Words or Digital Images on the Internet",
		"Online Enticement of Children for Sexual Acts",
		"Unsolicited Obscene Material Sent to a Child",
	),
}

func enum(values ...string) *simpleType { return &simpleType{base: "xs:string", values: values} }

// countries has 257 codes; with the empty string that makes the 258 of section 1.6: the 249 that
// ISO 3166-1 alpha-2 assigns officially, AN and FX which it once assigned, XK which it leaves to
// users, and the five pseudo-countries A1, A2, O1, AP and EU.
const countries = `
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT
MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
AN FX XK
A1 A2 O1 AP EU`

// states are the 50 states, DC, GU, PR and VI; with the empty string 55. AS and MP are not among
// them.
const states = `
AK AL AR AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT
NC ND NE NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY`
