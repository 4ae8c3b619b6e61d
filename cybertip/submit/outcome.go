package submit

import (
	"slices"
	"time"

	"github.com/houvast/houvast"
)

// A Call is one endpoint of the service.
type Call string

// The calls, in the order in which a report meets them.
const (
	CallStatus   Call = "status"
	CallXSD      Call = "xsd"
	CallSubmit   Call = "submit"
	CallUpload   Call = "upload"
	CallFileInfo Call = "fileinfo"
	CallFinish   Call = "finish"
	CallRetract  Call = "retract"
)

// Calls returns all seven.
func Calls() []Call {
	return []Call{CallStatus, CallXSD, CallSubmit, CallUpload, CallFileInfo, CallFinish, CallRetract}
}

// reads reports whether the call changes nothing.
func (c Call) reads() bool { return c == CallStatus || c == CallXSD }

// repeatable reports whether doing the call twice does no harm.
func (c Call) repeatable() bool { return c != CallUpload && c != CallFileInfo }

// An Outcome is what an answer means for the caller; see the package comment.
type Outcome uint8

// The outcomes. The zero value is doubt.
const (
	InDoubt Outcome = iota
	OK
	Refused
	Retry
)

// String returns the name of the outcome.
func (o Outcome) String() string { return [...]string{"in_doubt", "ok", "refused", "retry"}[o] }

// NoCode is the code of an answer without a readable reply.
const NoCode = -1

// An Answer is what came back from one call, whole or not. Keep it: the Request-ID is what the
// service's support asks for, the raw bytes are the receipt. Raw may quote values of the report, so
// it belongs into sealed storage and never into a log.
type Answer struct {
	Call       Call
	Outcome    Outcome
	Status     int           // HTTP status, 0 when there was no reply
	Code       int           // responseCode, or NoCode
	Already    bool          // the service says that it was finished or retracted before
	RequestID  string        // header Request-ID, printable ASCII, at most 128 bytes
	RetryAfter time.Duration // how long the service asks to wait, 0 when it does not say, at most a day
	Raw        []byte        // the reply, its first MaxReply bytes
}

// A Code is a response code that is documented. The service calls its list non-exhaustive.
type Code struct {
	Number  int
	Meaning string
	Outcome Outcome // before what a call makes of it, see Classify
	Kind    houvast.Kind
}

var codeTable = [...]Code{
	{0, "success", OK, houvast.Internal},
	{1000, "server error", Retry, houvast.Unavailable},
	{1100, "save failed", Retry, houvast.Unavailable},
	{1110, "upload failed", Retry, houvast.Unavailable},
	{1111, "file upload failed", Retry, houvast.Unavailable},
	{1210, "resource not found", Refused, houvast.NotFound},
	{1300, "update failed", Retry, houvast.Unavailable},
	{2000, "authentication required", Refused, houvast.Unauthenticated},
	{3000, "not authorised", Refused, houvast.Forbidden},
	{3100, "no authorisation to submit", Refused, houvast.Forbidden},
	{3300, "no authorisation to update", Refused, houvast.Forbidden},
	{4000, "invalid request", Refused, houvast.Invalid},
	{4100, "validation failed", Refused, houvast.Invalid},
	{4110, "malformed XML", Refused, houvast.Invalid},
	{4200, "malformed file", Refused, houvast.Invalid},
	{5001, "report does not exist", Refused, houvast.NotFound},
	{5002, "file does not exist", Refused, houvast.NotFound},
	{5101, "report already retracted", Refused, houvast.Conflict},
	{5102, "report already finished", Refused, houvast.Conflict},
}

// Codes returns the documented codes in ascending order.
func Codes() []Code { return slices.Clone(codeTable[:]) }

// Classify returns what a readable reply with that code means for call. A code that is not in the
// list is refused: a person has to read it.
func Classify(call Call, code int) Outcome {
	if Done(call, code) {
		return OK
	}
	return lookUp(code).Outcome
}

// Done reports whether code says that what call asks for is the case: 0, for finish also "already
// finished" and for retract also "already retracted".
func Done(call Call, code int) bool {
	return code == 0 || call == CallFinish && code == 5102 || call == CallRetract && code == 5101
}

// lookUp returns the documented code, or what its range says of an unknown one.
func lookUp(code int) Code {
	if i := slices.IndexFunc(codeTable[:], func(c Code) bool { return c.Number == code }); i >= 0 {
		return codeTable[i]
	}
	kind := houvast.Unsupported
	switch code / 1000 {
	case 2:
		kind = houvast.Unauthenticated
	case 3:
		kind = houvast.Forbidden
	case 4:
		kind = houvast.Invalid
	}
	return Code{Number: code, Meaning: "unknown code", Outcome: Refused, Kind: kind}
}

// CompareFiles compares the file ids that were sent with those that finish returned, each as often
// as it occurs. Anything but two empty lists is an alarm: the report cannot be taken back.
func CompareFiles(sent, finished []string) (missing, extra []string) {
	left := slices.Clone(finished)
	for _, id := range sent {
		if i := slices.Index(left, id); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			missing = append(missing, id)
		}
	}
	if len(left) > 0 {
		extra = left
	}
	return missing, extra
}
