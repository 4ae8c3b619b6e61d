package review

import (
	"slices"

	"github.com/houvast/houvast"
)

// maxObservations bounds what one decision carries.
const maxObservations = 40

// once lists the aspects of which a case has one value; the others may have several.
var once = [...]houvast.Aspect{houvast.AspectAge, houvast.AspectAct, houvast.AspectProduction, houvast.AspectSynthetic, houvast.AspectRelation}

// checkObservations refuses an observation that is outside its closed list, has no basis, or claims
// a basis that nothing on record supports.
func checkObservations(all []houvast.Observation, looked Looked, tagged bool) error {
	const op = "review.Observe"
	if len(all) > maxObservations {
		return houvast.Errorf(op, houvast.TooLarge, "too-many-observations", "at most %d observations", maxObservations)
	}
	seen := map[houvast.Aspect]bool{}
	for _, o := range all {
		if !slices.Contains(houvast.Aspects(), o.What) {
			return houvast.Errorf(op, houvast.Invalid, "bad-observation", "an observation is about something unknown")
		}
		if seen[o.What] && slices.Contains(once[:], o.What) {
			return houvast.Errorf(op, houvast.Invalid, "bad-observation", "%s is observed twice", o.What)
		}
		seen[o.What] = true
		if err := checkBasis(o, looked, tagged); err != nil {
			return err
		}
		if err := checkValue(o); err != nil {
			return err
		}
	}
	return nil
}

func checkBasis(o houvast.Observation, looked Looked, tagged bool) error {
	const op = "review.Observe"
	switch o.Basis {
	case houvast.BasisSeen:
		if !looked.Any {
			return houvast.Errorf(op, houvast.Invalid, "not-seen", "%s cannot have been seen: no reveal of this case to you was on your page", o.What).
				WithHint("give the basis list, stated or not_assessed")
		}
		if !looked.At(o.What) {
			return houvast.Errorf(op, houvast.Invalid, "not-seen", "%s cannot have been seen: it is not told from a mosaic or a blur", o.What).
				WithHint("look at the grey step, or give the basis stated or not_assessed")
		}
	case houvast.BasisList:
		if o.What == houvast.AspectAge || o.What == houvast.AspectAct {
			return houvast.Errorf(op, houvast.Invalid, "no-list-tag", "%s cannot come from a list: its entries carry a category and no more", o.What)
		}
		if !tagged {
			return houvast.Errorf(op, houvast.Invalid, "no-list-tag", "%s cannot come from a list: no matching entry carries a category", o.What)
		}
	case houvast.BasisStated, houvast.BasisNotAssessed:
	default:
		return houvast.Errorf(op, houvast.Invalid, "no-basis", "%s has no basis", o.What).
			WithHint("each observation says seen, list, stated or not_assessed")
	}
	return nil
}

func checkValue(o houvast.Observation) error {
	const op = "review.Observe"
	empty := o.Value == "" && o.Min == 0 && o.Max == 0
	if o.Basis == houvast.BasisNotAssessed {
		if !empty {
			return houvast.Errorf(op, houvast.Invalid, "bad-observation", "%s is not assessed and has a value all the same", o.What)
		}
		return nil
	}
	if o.What == houvast.AspectAge {
		if o.Value != "" || o.Min < 0 || o.Max > 120 || o.Min > o.Max {
			return houvast.Errorf(op, houvast.Invalid, "bad-observation", "an apparent age is an interval of whole years from 0 to 120")
		}
		return nil
	}
	if o.Min != 0 || o.Max != 0 || !slices.Contains(o.What.Values(), o.Value) {
		return houvast.Errorf(op, houvast.Invalid, "bad-observation", "%s has a value outside its list", o.What)
	}
	return nil
}
