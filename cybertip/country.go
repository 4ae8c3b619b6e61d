package cybertip

import (
	"slices"
	"strings"
)

// Country is a code of two characters: ISO 3166-1 alpha-2 with some withdrawn codes, and five codes
// of address registers that are no country (A1 anonymous proxy, A2 satellite, O1 other, AP, EU).
type Country string

const countries = `
A1 A2 O1 AP EU AN FX XK
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ
BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ
DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY
HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY
MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ
NA NC NE NF NG NI NL NO NP NR NU NZ OM
PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ
TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`

// Countries returns the 257 codes that the schema lists beside the empty one.
func Countries() []Country { return codes[Country](countries) }

// Valid reports whether the schema lists c.
func (c Country) Valid() bool { return slices.Contains(Countries(), c) }

// State is a state or territory of the United States. The schema lists neither AS nor MP.
type State string

const states = `
AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC
ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC GU PR VI`

// States returns the 54 codes that the schema lists beside the empty one.
func States() []State { return codes[State](states) }

// Valid reports whether the schema lists s.
func (s State) Valid() bool { return slices.Contains(States(), s) }

func codes[T ~string](table string) []T {
	fields := strings.Fields(table)
	all := make([]T, len(fields))
	for i, f := range fields {
		all[i] = T(f)
	}
	return all
}
