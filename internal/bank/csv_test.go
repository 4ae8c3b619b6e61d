package bank_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
)

const (
	somePDQ    = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
	someMD5    = "00112233445566778899aabbccddeeff"
	someSHA1   = "00112233445566778899aabbccddeeff00112233"
	someSHA256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// read takes everything out of a list: entries and refusals in order.
func read(t testing.TB, r io.Reader) (entries []bank.Entry, refused []bank.Refusal) {
	t.Helper()
	rd, err := bank.NewReader(r)
	if err != nil {
		t.Fatal(err, houvast.HintOf(err))
	}
	for {
		e, no, err := rd.Next()
		switch {
		case errors.Is(err, io.EOF):
			return entries, refused
		case err != nil:
			t.Fatal(err)
		case no != nil:
			refused = append(refused, *no)
		default:
			entries = append(entries, e)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every set of columns, each in an order of its own: what is there is read, what is not stays empty,
// and without a hash there is no import.
func TestReaderTakesAnyColumns(t *testing.T) {
	h, err := houvast.ParsePDQ(somePDQ)
	if err != nil {
		t.Fatal(err)
	}
	values := []struct {
		column, text string
		set          func(e *bank.Entry)
	}{
		{"pdq", somePDQ, func(e *bank.Entry) { e.PDQ = &h }},
		{"pdq_profile", "near512", func(e *bank.Entry) { e.Profile = houvast.Near512 }},
		{"md5", someMD5, func(e *bank.Entry) { e.MD5 = unhex(t, someMD5) }},
		{"sha1", someSHA1, func(e *bank.Entry) { e.SHA1 = unhex(t, someSHA1) }},
		{"sha256", someSHA256, func(e *bank.Entry) { e.SHA256 = unhex(t, someSHA256) }},
		{"category", "exploitation", func(e *bank.Entry) { e.Tag = houvast.Exploitation }},
		{"member", "a member", func(e *bank.Entry) { e.Member = "a member" }},
		{"source_id", "nr 12", func(e *bank.Entry) { e.SourceID = "nr 12" }},
		{"note", "a note", func(e *bank.Entry) { e.Note = "a note" }},
		{"quality", "100", func(*bank.Entry) {}},
	}
	r, tried, without := seeded(10), 0, 0
	for set := 1; set < 1<<len(values); set++ {
		var head, row []string
		want, hashes := bank.Entry{Profile: houvast.Unknown}, 0
		for _, i := range r.Perm(len(values)) {
			v := values[i]
			if set>>i&1 == 0 {
				continue
			}
			head, row = append(head, v.column), append(row, v.text)
			v.set(&want)
			if slices.Contains([]string{"pdq", "md5", "sha1", "sha256"}, v.column) {
				hashes++
			}
		}
		text := strings.Join(head, ",") + "\n" + strings.Join(row, ",") + "\n"
		if hashes == 0 {
			without++
			if _, err := bank.NewReader(strings.NewReader(text)); houvast.CodeOf(err) != "import-refused" || houvast.KindOf(err) != houvast.Invalid {
				t.Fatalf("columns %v: %v", head, err)
			}
			continue
		}
		tried++
		if got, refused := read(t, strings.NewReader(text)); len(got) != 1 || len(refused) != 0 || !reflect.DeepEqual(got[0], want) {
			t.Fatalf("columns %v: %+v, %+v; want %+v", head, got, refused, want)
		}
	}
	t.Logf("%d sets of columns with a hash, %d without", tried, without)
	if tried != 960 || without != 63 { // 15 of 16 sets of the four hashes, with each of 64 sets of the others
		t.Error("not every set was tried")
	}
}

// The same two rows in every dress that spreadsheets give them.
func TestReaderTakesAnyDress(t *testing.T) {
	plain := "md5,note\n" + someMD5 + ",one\n" + someMD5[2:] + "77,two\n"
	want, _ := read(t, strings.NewReader(plain))
	if len(want) != 2 {
		t.Fatal(want)
	}
	for what, text := range map[string]string{
		"byte order mark":    "\xef\xbb\xbf" + plain,
		"CRLF":               strings.ReplaceAll(plain, "\n", "\r\n"),
		"mark and CRLF":      "\xef\xbb\xbf" + strings.ReplaceAll(plain, "\n", "\r\n"),
		"no last line break": strings.TrimSuffix(plain, "\n"),
		"empty lines":        "\n" + strings.ReplaceAll(plain, "\n", "\n\r\n\n"),
		"upper case":         strings.NewReplacer("aabbccddeeff", "AABBCCDDEEFF", "md5,note", "MD5,Note").Replace(plain),
		"mixed case":         strings.NewReplacer("aabbccddeeff", "aAbBccDDeeFf", "md5,note", "Md5,nOTE").Replace(plain),
		"spaces":             strings.NewReplacer("md5,note", " md5 , note ", ",one", "  ,  one ").Replace(plain),
		"quotes":             strings.NewReplacer("one", `"one"`, "md5", `"md5"`).Replace(plain),
		"quoted mark":        "\xef\xbb\xbf" + strings.Replace(plain, "md5", `"md5"`, 1),
		"a field missing":    strings.Replace(strings.Replace(plain, "md5,note", "md5,note,member", 1), "one", "one,", 1),
	} {
		if got, refused := read(t, strings.NewReader(text)); !reflect.DeepEqual(got, want) || len(refused) != 0 {
			t.Errorf("%s: %+v, %+v", what, got, refused)
		}
		if got, refused := read(t, iotest.OneByteReader(strings.NewReader(text))); !reflect.DeepEqual(got, want) || len(refused) != 0 {
			t.Errorf("%s, byte by byte: %+v, %+v", what, got, refused)
		}
	}
	got, _ := read(t, strings.NewReader("md5,note\n"+someMD5+`,"a ""word"", and more"`+"\n"))
	if len(got) != 1 || got[0].Note != `a "word", and more` {
		t.Errorf("a quoted field: %+v", got)
	}
}

func TestReaderRefusesHeaders(t *testing.T) {
	for what, text := range map[string]string{
		"nothing at all":      "",
		"a mark alone":        "\xef\xbb\xbf",
		"empty lines alone":   "\n\r\n\n",
		"unknown column":      "md5,planted-word\n" + someMD5 + ",x\n",
		"a nameless column":   "md5,\n" + someMD5 + ",\n",
		"a column twice":      "md5,note,md5\n",
		"twice in two cases":  "md5,MD5\n",
		"no hash":             "category,note,quality,pdq_profile\n",
		"no header":           someMD5 + "\n",
		"not CSV":             "md5,\"no\"te\n",
		"an unclosed quote":   "md5,\"note\n" + someMD5 + ",x\n",
		"longer than a line":  "md5," + strings.Repeat(" ", 1<<16) + "note\n" + someMD5 + ",x\n",
		"UTF-16":              "\xff\xfem\x00d\x005\x00\n\x00",
		"semicolons":          "md5;note\n" + someMD5 + ";x\n",
		"carriage returns":    "md5,note\r" + someMD5 + ",x\r",
		"a picture":           "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"two marks in a row":  "\xef\xbb\xbf\xef\xbb\xbfmd5\n" + someMD5 + "\n",
		"control characters":  "md5,no\x00te\n",
		"mark after the line": "\n\xef\xbb\xbfmd5\n" + someMD5 + "\n",
	} {
		_, err := bank.NewReader(strings.NewReader(text))
		if houvast.CodeOf(err) != "import-refused" || houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if strings.Contains(err.Error()+houvast.HintOf(err), "planted-word") {
			t.Errorf("%s: the error repeats the list: %v", what, err)
		}
	}
}

// refusedRow is one row that must be refused, with the columns it needs.
type refusedRow struct{ what, head, row, reason string }

func refusedRows() (rows []refusedRow) {
	empty := map[string]string{
		"md5":    hex.EncodeToString(func() []byte { s := md5.Sum(nil); return s[:] }()),
		"sha1":   hex.EncodeToString(func() []byte { s := sha1.Sum(nil); return s[:] }()),
		"sha256": hex.EncodeToString(func() []byte { s := sha256.Sum256(nil); return s[:] }()),
	}
	some := map[string]string{"md5": someMD5, "sha1": someSHA1, "sha256": someSHA256, "pdq": somePDQ}
	for _, kind := range slices.Sorted(maps.Keys(some)) {
		good := some[kind]
		length := fmt.Sprintf("%s has %d digits, not %d", kind, len(good)-1, len(good))
		long := fmt.Sprintf("%s has %d digits, not %d", kind, len(good)+1, len(good))
		prefix := fmt.Sprintf("%s has %d digits, not %d", kind, len(good)+2, len(good))
		digits := kind + " is not hexadecimal"
		if kind == "pdq" {
			digits = "pdq is not 64 hexadecimal digits"
			length, long, prefix = digits, digits, digits
		}
		rows = append(rows,
			refusedRow{kind + " with a letter beyond f", kind, "g" + good[1:], digits},
			refusedRow{kind + " with a space inside", kind, good[:8] + " " + good[9:], digits},
			refusedRow{kind + " with letters of another script", kind, good[:len(good)-2] + "ß", digits},
			refusedRow{kind + " a digit short", kind, good[1:], length},
			refusedRow{kind + " a digit long", kind, good + "0", long},
			refusedRow{kind + " with 0x", kind, "0x" + good, prefix},
			refusedRow{kind + " all zero", kind, strings.Repeat("0", len(good)), kind + " is all zeros or all ones"},
			refusedRow{kind + " all one", kind, strings.Repeat("f", len(good)), kind + " is all zeros or all ones"},
			refusedRow{kind + " all one in upper case", kind, strings.Repeat("F", len(good)), kind + " is all zeros or all ones"},
		)
		if e := empty[kind]; e != "" {
			rows = append(rows, refusedRow{kind + " of the empty file", kind, e, kind + " is that of the empty file"},
				refusedRow{kind + " of the empty file in upper case", kind, strings.ToUpper(e), kind + " is that of the empty file"},
				refusedRow{kind + " of the empty file beside a good pdq", "pdq," + kind, somePDQ + "," + e, kind + " is that of the empty file"})
		}
	}
	text := func(what, in, reason string) {
		for _, column := range []string{"member", "source_id", "note"} {
			rows = append(rows, refusedRow{column + " with " + what, "md5," + column, someMD5 + "," + in, reason})
		}
	}
	const broken = "a text with control characters or broken UTF-8"
	text("a NUL", "a\x00b", broken)
	text("a tab", "a\tb", broken)
	text("an escape", "a\x1b[31mb", broken)
	text("a delete", "a\x7fb", broken)
	text("a control of the second block", "a\u0085b", broken)
	text("broken UTF-8", "a\xffb", broken)
	text("a carriage return", "\"a\rb\"", broken)
	text("501 bytes", strings.Repeat("n", 501), "a text of more than 500 bytes")
	const pq, profiles, number = "pdq,quality", "pdq_profile is not full, near512 or unknown", "quality is not a number from 0 to 100"
	return append(rows,
		refusedRow{"no hash", "md5,note", ",only a note", "no hash"},
		refusedRow{"no field at all", "md5", `""`, "no hash"},
		refusedRow{"spaces", "md5", "   ", "no hash"},
		refusedRow{"quality 49", pq, somePDQ + ",49", "quality below 50"},
		refusedRow{"quality 0", pq, somePDQ + ",0", "quality below 50"},
		refusedRow{"quality 101", pq, somePDQ + ",101", number},
		refusedRow{"quality -1", pq, somePDQ + ",-1", number},
		refusedRow{"quality in words", pq, somePDQ + ",good", number},
		refusedRow{"quality 60.5", pq, somePDQ + ",60.5", number},
		refusedRow{"a quality beyond any number", pq, somePDQ + "," + strings.Repeat("9", 40), number},
		refusedRow{"an unknown profile", "pdq,pdq_profile", somePDQ + ",half", profiles},
		refusedRow{"an unknown profile without pdq", "md5,pdq_profile", someMD5 + ",half", profiles},
		refusedRow{"a profile in upper case", "pdq,pdq_profile", somePDQ + ",FULL", profiles},
		refusedRow{"an unknown category", "md5,category", someMD5 + ",copyright", "unknown category"},
		refusedRow{"a field too many", "md5,note", someMD5 + ",a,b", "more fields than the header has"},
		refusedRow{"an empty field too many", "md5", someMD5 + ",", "more fields than the header has"},
		refusedRow{"a quote inside a field", "md5,note", someMD5 + `,a "b`, "not valid CSV"},
		refusedRow{"text after a quote", "md5,note", someMD5 + `,"a" b`, "not valid CSV"},
		refusedRow{"an unclosed quote", "md5,note", someMD5 + `,"a`, "not valid CSV"},
		refusedRow{"a line beyond the bound", "md5,note", someMD5 + "," + strings.Repeat("n", 1<<16), "a line of more than 65536 bytes"},
	)
}

// Each refused row is named by its line and its reason, in our own words; the rows around it are
// taken.
func TestReaderRefusesRows(t *testing.T) {
	for _, c := range refusedRows() {
		good := make([]string, strings.Count(c.head, ",")+1)
		good[0] = map[bool]string{true: somePDQ, false: someMD5}[strings.HasPrefix(c.head, "pdq")]
		switch {
		case strings.HasPrefix(c.head, "sha1"):
			good[0] = someSHA1
		case strings.HasPrefix(c.head, "sha256"):
			good[0] = someSHA256
		}
		row := strings.Join(good, ",")
		text := c.head + "\n" + row + "\n" + c.row + "\n" + row + "\n"
		entries, refused := read(t, strings.NewReader(text))
		if len(entries) != 2 || len(refused) != 1 || refused[0] != (bank.Refusal{Row: 3, Reason: c.reason}) {
			t.Errorf("%s: %d entries, refused %+v; want row 3 %q", c.what, len(entries), refused, c.reason)
		}
	}
	t.Logf("%d rows, each refused for its own reason", len(refusedRows()))
}

// What is at the edge of a bound is taken.
func TestReaderTakesTheEdges(t *testing.T) {
	note := strings.Repeat("n", 500)
	for what, text := range map[string]string{
		"quality 50":              "pdq,quality\n" + somePDQ + ",50\n",
		"quality 100":             "pdq,quality\n" + somePDQ + ",100\n",
		"no quality":              "pdq,quality\n" + somePDQ + ",\n",
		"low quality without pdq": "md5,quality\n" + someMD5 + ",3\n",
		"500 bytes":               "md5,note\n" + someMD5 + "," + note + "\n",
		"other scripts":           "md5,note\n" + someMD5 + ",é Ж 文 \U0001F600\n",
		"65536 bytes":             "md5,note\n" + someMD5 + "," + strings.Repeat(" ", 1<<16-len(someMD5)-1) + "\n",
		"65536 bytes at the end":  "md5,note\n" + someMD5 + "," + strings.Repeat(" ", 1<<16-len(someMD5)-1),
		"only one bit set":        "md5\n" + strings.Repeat("0", 31) + "1\n",
		"fewer fields":            "md5,note,member\n" + someMD5 + "\n",
	} {
		if entries, refused := read(t, strings.NewReader(text)); len(entries) != 1 || len(refused) != 0 {
			t.Errorf("%s: %d entries, refused %+v", what, len(entries), refused)
		}
	}
}

// Rows are the lines that an editor shows, and a quote that is never closed costs one row only.
func TestReaderKeepsItsPlace(t *testing.T) {
	lines := []string{
		"\xef\xbb\xbfmd5,note\r", "", someMD5 + ",ok", "\r", someMD5 + `,"never closed`, someMD5 + ",ok", "bad", "",
		someMD5 + "," + strings.Repeat("n", 200_000), someMD5 + `,"over two`, `lines"`, someMD5 + ",ok", "worse",
	}
	entries, refused := read(t, strings.NewReader(strings.Join(lines, "\n")))
	want := []bank.Refusal{{Row: 5, Reason: "not valid CSV"}, {Row: 7, Reason: "md5 has 3 digits, not 32"}, {Row: 9, Reason: "a line of more than 65536 bytes"},
		{Row: 10, Reason: "not valid CSV"}, {Row: 11, Reason: "not valid CSV"}, {Row: 13, Reason: "md5 has 5 digits, not 32"}}
	if len(entries) != 3 || !slices.Equal(refused, want) {
		t.Errorf("%d entries, refused %+v", len(entries), refused)
	}
}

// endless is a line that does not end before n bytes.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.n)
	for i := range n {
		p[i] = '7'
	}
	e.n -= n
	return n, nil
}

// However long a line is, it costs no memory.
func TestReaderIsBounded(t *testing.T) {
	const size = 64 << 20
	for what, start := range map[string]string{"a line": "", "an unclosed quote": `"`} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		entries, refused := read(t, io.MultiReader(strings.NewReader("md5\n"+start), &endless{size}, strings.NewReader("\n"+someMD5+"\n")))
		runtime.ReadMemStats(&after)
		if len(entries) != 1 || len(refused) != 1 || refused[0].Row != 2 {
			t.Errorf("%s: %d entries, %+v", what, len(entries), refused)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s of %d bytes took %d bytes of memory", what, size, used)
		}
	}
}

// A transfer that breaks is an error and not the end: the half line at the break is no row.
func TestReaderTellsABrokenTransfer(t *testing.T) {
	boom := errors.New("the line broke")
	_, err := bank.NewReader(io.MultiReader(strings.NewReader("md5,no"), iotest.ErrReader(boom)))
	if !errors.Is(err, boom) {
		t.Errorf("in the header: %v", err)
	}
	rd, err := bank.NewReader(io.MultiReader(strings.NewReader("md5,note\n"+someMD5+",a\n"+someMD5+",b"), iotest.ErrReader(boom)))
	if err != nil {
		t.Fatal(err)
	}
	if _, no, err := rd.Next(); no != nil || err != nil {
		t.Fatal(no, err)
	}
	if e, no, err := rd.Next(); !errors.Is(err, boom) || no != nil || e.MD5 != nil {
		t.Errorf("at the break: %+v, %v, %v", e, no, err)
	}
}

// Whatever a list holds: no panic, each line that is not empty is an entry or a refusal, in order,
// and an entry is fit to be matched.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfpdq,pdq_profile,md5,sha1,sha256,category,member,source_id,note,quality\r\n" +
		somePDQ + ",full," + someMD5 + "," + someSHA1 + "," + someSHA256 + ",negative,m,s,n,50\r\n"))
	f.Add([]byte("md5\n\n" + someMD5 + "\n\"\n\"\n" + someMD5 + ",x\n"))
	f.Add([]byte("sha1,note\n" + someSHA1 + ",\"a \"\"b\"\"\"\n" + someSHA1 + ",\x00\xff\n"))
	for _, c := range refusedRows() {
		if len(c.row) < 1000 {
			f.Add([]byte(c.head + "\n" + c.row))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rd, err := bank.NewReader(bytes.NewReader(data))
		if err != nil {
			if houvast.CodeOf(err) != "import-refused" {
				t.Fatal(err)
			}
			return
		}
		var lines []int
		for i, line := range bytes.Split(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n")) {
			if len(bytes.TrimRight(line, "\r")) > 0 {
				lines = append(lines, i+1)
			}
		}
		seen := 0
		for {
			e, no, err := rd.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if no != nil {
				if seen >= len(lines) || no.Row != lines[seen] || no.Reason == "" {
					t.Fatalf("refusal %+v is not of line %d", no, seen)
				}
				continue
			}
			fit(t, e)
		}
		if seen != len(lines)-1 {
			t.Fatalf("%d rows, %d lines", seen, len(lines)-1)
		}
	})
}

func fit(t *testing.T, e bank.Entry) {
	t.Helper()
	var pdq []byte
	if e.PDQ != nil {
		pdq = e.PDQ[:]
	}
	hashes := 0
	for size, h := range map[int][]byte{16: e.MD5, 20: e.SHA1, 32: e.SHA256, 33: pdq} {
		if h == nil {
			continue
		}
		hashes++
		if len(h) != size && size != 33 || bytes.Count(h, []byte{0}) == len(h) || bytes.Count(h, []byte{255}) == len(h) {
			t.Fatalf("a hash that stands for nothing: %x", h)
		}
	}
	if hashes == 0 || !slices.Contains([]houvast.Profile{houvast.Full, houvast.Near512, houvast.Unknown}, e.Profile) {
		t.Fatalf("%+v", e)
	}
	if e.Tag != "" && !slices.Contains(houvast.Categories(), e.Tag) {
		t.Fatalf("tag %q", e.Tag)
	}
	for _, s := range []string{e.Member, e.SourceID, e.Note} {
		if len(s) > 500 || strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "\x00\n\r\t\x1b\x7f") {
			t.Fatalf("text %q", s)
		}
	}
}
