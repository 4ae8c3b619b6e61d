package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// The socket carries frames: a header of 16 bytes (magic, kind, number, length; little endian) and a
// body. The parent sends one setup and gets one hello; after that each request, with a memory file
// attached to its first byte, gets exactly one answer or refusal with the same number. Everything
// from the child is checked against bounds before memory is taken for it.
const (
	magic      = 0x31415648 // HVA1
	headerSize = 16
	maxBody    = 16 << 10 // of every frame but an answer
)

type frameKind uint32

const (
	frameSetup frameKind = iota + 1
	frameHello
	frameRequest
	frameAnswer
	frameRefusal
)

type header struct {
	kind   frameKind
	number uint32
	length uint32
}

func (h header) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.kind))
	b = binary.LittleEndian.AppendUint32(b, h.number)
	return binary.LittleEndian.AppendUint32(b, h.length)
}

// parseHeader reports false for bytes that are no header. The length is not checked.
func parseHeader(b [headerSize]byte) (h header, ok bool) {
	h.kind = frameKind(binary.LittleEndian.Uint32(b[4:]))
	h.number = binary.LittleEndian.Uint32(b[8:])
	h.length = binary.LittleEndian.Uint32(b[12:])
	return h, binary.LittleEndian.Uint32(b[:]) == magic
}

// setup is what the parent tells a child before anything else.
type setup struct {
	DataLimit uint64 `json:"data_limit"` // bytes
	CPU       uint64 `json:"cpu"`        // seconds over the whole life: the backstop of the parent's own watch
	MaxData   int64  `json:"max_data"`
	MaxAnswer int    `json:"max_answer"`
}

// hello is what a child says once it is set up. It is made before the child sees hostile bytes, so
// it can be believed.
type hello struct {
	Layers  Layers        `json:"layers"`
	ABI     int           `json:"abi"`     // of Landlock; 0 when not in force
	Missing []string      `json:"missing"` // one line for each missing layer, for the log
	Took    time.Duration `json:"took"`    // applying the layers
}

func (h hello) detail() string { return strings.Join(h.Missing, "; ") }

// sized is a request and the size of its bytes.
type sized struct {
	Request
	Size int64 `json:"size"`
}

// codeTooMuch is how a child says that its handler's answer is over the bound.
const codeTooMuch = "answer-too-large"

// refusal is a handler's error, reduced to what a parent may believe.
type refusal struct {
	Kind string `json:"kind"`
	Code string `json:"code"`
}

// error returns the parent's view of a refusal; nil when it is not one a handler can make. The
// message is made here: text from the child never is.
func (r refusal) error(op string) error {
	okCode := len(r.Code) >= 1 && len(r.Code) <= 64
	for _, c := range []byte(r.Code) {
		okCode = okCode && (codeByte(c) || c == '_')
	}
	if r.Code == codeTooMuch {
		return failure(ChildAnswer, "the answer of the child is over the bound")
	}
	if !okCode || ReasonOf(failure(Reason(r.Code), "")) != "" {
		return nil
	}
	for _, k := range []houvast.Kind{houvast.Internal, houvast.Invalid, houvast.TooLarge, houvast.Unsupported, houvast.NotFound, houvast.Unavailable} {
		if k.String() == r.Kind {
			return houvast.Errorf("sandbox.Do", k, r.Code, "the child refused to %s: %s", op, r.Code)
		}
	}
	return nil
}

func parseRefusal(body []byte) (r refusal) {
	if json.Unmarshal(body, &r) != nil {
		return refusal{}
	}
	return r
}
