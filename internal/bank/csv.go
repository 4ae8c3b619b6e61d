package bank

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/houvast/houvast"
)

// A Refusal is a row that was not taken, with its reason. Rows are the lines of the file, empty ones
// counted too, so that an editor finds them: row 1 is the header.
type Refusal struct {
	Row    int    `json:"row"`
	Reason string `json:"reason"`
}

// The columns of an import, in any order; any may be absent but not all of the hashes. quality is
// the PDQ quality, 0 to 100, if the list gives it.
var columns = [...]string{"pdq", "pdq_profile", "md5", "sha1", "sha256", "category", "member", "source_id", "note", "quality"}

// Bounds of an import.
const (
	maxLine  = 64 << 10 // bytes
	maxField = 500      // bytes of a text column
)

// The hashes of the empty file: one of them in a list would match every empty upload.
var (
	emptyMD5    = mustHex("d41d8cd98f00b204e9800998ecf8427e")
	emptySHA1   = mustHex("da39a3ee5e6b4b0d3255bfef95601890afd80709")
	emptySHA256 = mustHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// A Reader reads entries from CSV. No field holds a line break, so each line is parsed by itself: a
// quote that is never closed spoils its own row and not the rest of the list.
type Reader struct {
	in   *bufio.Reader
	one  bytes.Reader // the line that csv reads
	csv  *csv.Reader
	col  map[string]int
	row  int
	long bool // the line just read was too long, and dropped
}

// NewReader reads the header. A byte order mark is skipped.
func NewReader(r io.Reader) (*Reader, error) {
	const op = "bank.Import"
	rd := &Reader{in: bufio.NewReaderSize(r, maxLine+1), col: map[string]int{}}
	if mark, _ := rd.in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		rd.in.Discard(3)
	}
	rd.csv = csv.NewReader(&rd.one)
	rd.csv.ReuseRecord, rd.csv.FieldsPerRecord = true, -1
	line, err := rd.line()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, houvast.Wrap(op, err)
	}
	head, bad := rd.parse(line)
	if err != nil || bad != nil || rd.long {
		return nil, houvast.Errorf(op, houvast.Invalid, "import-refused", "the file has no header line that can be read").
			WithHint("the first line names the columns: %s", strings.Join(columns[:], ","))
	}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns[:], name) {
			return nil, houvast.Errorf(op, houvast.Invalid, "import-refused", "column %d of the header is not known", i+1).
				WithHint("the columns are %s", strings.Join(columns[:], ","))
		}
		if _, dup := rd.col[name]; dup {
			return nil, houvast.Errorf(op, houvast.Invalid, "import-refused", "the header names %s twice", name)
		}
		rd.col[name] = i
	}
	for _, hash := range []string{"pdq", "md5", "sha1", "sha256"} {
		if _, ok := rd.col[hash]; ok {
			return rd, nil
		}
	}
	return nil, houvast.Errorf(op, houvast.Invalid, "import-refused", "the header has no column with a hash").
		WithHint("at least one of pdq, md5, sha1, sha256")
}

// line returns the next line that is not empty, valid until the next call. Of a line that is too long
// nothing is kept.
func (r *Reader) line() ([]byte, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		r.long = errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.in.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) && (len(line) > 0 || r.long) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		r.row++
		if r.long {
			return nil, nil
		}
		if len(bytes.TrimRight(line, "\r\n")) > 0 {
			return line, nil
		}
	}
}

func (r *Reader) parse(line []byte) ([]string, error) {
	r.one.Reset(line)
	return r.csv.Read()
}

// Next returns the next entry, or why the row was refused, or io.EOF.
func (r *Reader) Next() (Entry, *Refusal, error) {
	line, err := r.line()
	if errors.Is(err, io.EOF) {
		return Entry{}, nil, io.EOF
	}
	if err != nil {
		return Entry{}, nil, houvast.Wrap("bank.Import", err)
	}
	if r.long {
		return Entry{}, &Refusal{r.row, "a line of more than " + strconv.Itoa(maxLine) + " bytes"}, nil
	}
	rec, err := r.parse(line)
	if err != nil {
		return Entry{}, &Refusal{r.row, "not valid CSV"}, nil
	}
	e, why := r.entry(rec)
	if why != "" {
		return Entry{}, &Refusal{r.row, why}, nil
	}
	return e, nil, nil
}

// entry reads one record; why says in our own words what is wrong with it.
func (r *Reader) entry(rec []string) (e Entry, why string) {
	field := func(name string) string {
		if i, ok := r.col[name]; ok && i < len(rec) {
			return strings.TrimSpace(rec[i])
		}
		return ""
	}
	if len(rec) > len(r.col) {
		return e, "more fields than the header has"
	}
	for _, h := range []struct {
		name  string
		size  int
		dest  *[]byte
		empty []byte
	}{{"md5", 16, &e.MD5, emptyMD5}, {"sha1", 20, &e.SHA1, emptySHA1}, {"sha256", 32, &e.SHA256, emptySHA256}} {
		if why := digest(field(h.name), h.name, h.size, h.empty, h.dest); why != "" {
			return e, why
		}
	}
	if why := e.perceptual(field("pdq"), field("pdq_profile"), field("quality")); why != "" {
		return e, why
	}
	if e.PDQ == nil && e.MD5 == nil && e.SHA1 == nil && e.SHA256 == nil {
		return e, "no hash"
	}
	if e.Tag = houvast.Category(field("category")); e.Tag != "" && !slices.Contains(houvast.Categories(), e.Tag) {
		return e, "unknown category"
	}
	e.Member, e.SourceID, e.Note = field("member"), field("source_id"), field("note")
	for _, text := range []string{e.Member, e.SourceID, e.Note} {
		if len(text) > maxField {
			return e, "a text of more than 500 bytes"
		}
		if strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) || c == utf8.RuneError }) {
			return e, "a text with control characters or broken UTF-8"
		}
	}
	return e, ""
}

func digest(text, name string, size int, empty []byte, dest *[]byte) (why string) {
	if text == "" {
		return ""
	}
	if len(text) != 2*size {
		return name + " has " + strconv.Itoa(len(text)) + " digits, not " + strconv.Itoa(2*size)
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return name + " is not hexadecimal"
	}
	if uniform(b) {
		return name + " is all zeros or all ones"
	}
	if bytes.Equal(b, empty) {
		return name + " is that of the empty file"
	}
	*dest = b
	return ""
}

func (e *Entry) perceptual(pdq, profile, quality string) (why string) {
	e.Profile = houvast.Profile(profile)
	if e.Profile == "" {
		e.Profile = houvast.Unknown
	}
	if e.Profile != houvast.Full && e.Profile != houvast.Near512 && e.Profile != houvast.Unknown {
		return "pdq_profile is not full, near512 or unknown"
	}
	if quality != "" {
		q, err := strconv.Atoi(quality)
		if err != nil || q < 0 || q > 100 {
			return "quality is not a number from 0 to 100"
		}
		if pdq != "" && q < houvast.MinQuality {
			return "quality below " + strconv.Itoa(houvast.MinQuality)
		}
	}
	if pdq == "" {
		return ""
	}
	h, err := houvast.ParsePDQ(pdq)
	if err != nil {
		return "pdq is not 64 hexadecimal digits"
	}
	if uniform(h[:]) {
		return "pdq is all zeros or all ones"
	}
	e.PDQ = &h
	return ""
}

// uniform reports whether all bits are equal: such a hash stands for nothing and matches blanks.
func uniform(b []byte) bool {
	for _, c := range b {
		if c != b[0] || c != 0 && c != 0xff {
			return false
		}
	}
	return true
}

// identity names the row by its hashes; the same hashes in the same bank are a duplicate.
func (e Entry) identity() []byte {
	h := sha256.New()
	var pdq []byte
	if e.PDQ != nil {
		pdq = append([]byte(e.Profile+":"), e.PDQ[:]...)
	}
	for _, part := range [][]byte{pdq, e.MD5, e.SHA1, e.SHA256} {
		h.Write([]byte{byte(len(part))})
		h.Write(part)
	}
	return h.Sum(nil)
}
