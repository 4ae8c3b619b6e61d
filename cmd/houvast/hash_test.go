package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/hashing/pdq"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

// hashLines runs houvast hash --json --dihedral and reads what it printed.
func hashLines(t testing.TB, wantCode int, stdin io.Reader, files ...string) (lines []hashLine) {
	t.Helper()
	code, out, errs := runHouvast(t, stdin, append([]string{"hash", "--json", "--dihedral"}, files...)...)
	if code != wantCode || wantCode < exitIO && errs != "" {
		t.Fatalf("exit code %d, want %d; stderr: %s", code, wantCode, errs)
	}
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	for {
		var l hashLine
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		lines = append(lines, l)
	}
}

// said is what the command must say of a file, without the command: digests of the bytes, and what
// is known of the picture.
func said(t testing.TB, name string, data []byte, p houvast.Perceptual) hashLine {
	t.Helper()
	d, n, err := hashing.Digest(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	l := hashLine{
		File: name, Bytes: n, MediaType: p.MediaType, Width: p.Width, Height: p.Height, Status: p.Status, Reason: p.Reason,
		MD5: hex.EncodeToString(d.MD5[:]), SHA1: hex.EncodeToString(d.SHA1[:]), SHA256: hex.EncodeToString(d.SHA256[:]),
	}
	if p.Status == houvast.Hashed || p.Status == houvast.Unhashable {
		l.PDQQuality, l.PDQFullQuality = &p.PDQQuality, &p.PDQFullQuality
	}
	if p.Status == houvast.Hashed {
		l.PDQ, l.PDQFull, l.PDQDihedral, l.PDQFullDihedral = &p.PDQ[0], &p.PDQFull[0], p.PDQ[:], p.PDQFull[:]
	}
	return l
}

// TestHashDrawn compares, for every colour mode, what the command prints with the hashes of the
// drawn samples, which no decoder touched; for JPEG, which loses, with the decoder's.
func TestHashDrawn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	var want []hashLine
	for i, mode := range draw.Modes() {
		img := draw.Picture(draw.Kinds()[i%len(draw.Kinds())], 530+i, 300+2*i, uint64(i))
		data, shown := draw.Encode(img, mode)
		name := filepath.Join(dir, string(mode))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p := decode.Hash(data, decode.DefaultLimits())
		if !strings.HasPrefix(string(mode), "jpeg") {
			b := shown.Bounds()
			direct := hashing.Picture(pdq.Packed{Width: b.Dx(), Height: b.Dy(), Depth: 3, Pix: draw.RGB(shown)})
			direct.MediaType = p.MediaType
			p = direct
		}
		files, want = append(files, name), append(want, said(t, name, data, p))
	}
	got := hashLines(t, 0, nil, files...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if hashed := slices.DeleteFunc(got, func(l hashLine) bool { return l.Status != houvast.Hashed }); len(hashed) < 20 {
		t.Errorf("only %d of %d pictures were hashed", len(hashed), len(files))
	}
}

// TestHashEveryStatus compares the drawn files, one for every status and refusal.
func TestHashEveryStatus(t *testing.T) {
	dir := t.TempDir()
	var files []string
	var want []hashLine
	statuses := map[houvast.HashStatus]bool{}
	all := sampleFiles()
	for _, base := range slices.Sorted(maps.Keys(all)) {
		name := filepath.Join(dir, base)
		if err := os.WriteFile(name, all[base], 0o600); err != nil {
			t.Fatal(err)
		}
		p := decode.Hash(all[base], decode.DefaultLimits())
		statuses[p.Status] = true
		files, want = append(files, name), append(want, said(t, name, all[base], p))
	}
	if diff := cmp.Diff(want, hashLines(t, exitCouldNotSee, nil, files...)); diff != "" {
		t.Error(diff)
	}
	if len(statuses) != 5 {
		t.Errorf("the files have the statuses %v, not all five", statuses)
	}
}

// TestHashVectors compares with the reference values: a PNG in every bit, a JPEG, which another
// decoder read for the reference, within 8 bits.
func TestHashVectors(t *testing.T) {
	t.Parallel()
	const folder = "../../hashing/testdata"
	var doc struct {
		Vectors []struct {
			File     string
			PDQ      houvast.PDQ
			Quality  int
			Full     *houvast.PDQ `json:"pdq_full_resolution"`
			Dihedral []houvast.PDQ
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, "pdq-vectors.json"))
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, v := range doc.Vectors {
		if name := filepath.Join(folder, v.File); v.Full != nil && v.Quality >= houvast.MinQuality {
			if _, err := os.Stat(name); err == nil {
				files = append(files, name)
			} else if !errors.Is(err, fs.ErrNotExist) { // the folder holds some of the pictures
				t.Fatal(err)
			}
		}
	}
	lines := hashLines(t, 0, nil, files...)
	exact, near := 0, 0
	for _, v := range doc.Vectors {
		i := slices.IndexFunc(lines, func(l hashLine) bool { return filepath.Base(l.File) == v.File })
		if i < 0 {
			continue
		}
		l, most := lines[i], 0
		if strings.HasSuffix(v.File, ".jpg") {
			most = 8
			near++
		} else {
			exact++
		}
		if l.Status != houvast.Hashed || l.PDQ.Distance(v.PDQ) > most || l.PDQFull.Distance(*v.Full) > most || len(v.Dihedral) != 8 {
			t.Errorf("%s: %s, pdq %s, pdq_full %s", v.File, l.Status, l.PDQ, l.PDQFull)
			continue
		}
		for j := range v.Dihedral {
			if d := l.PDQDihedral[j].Distance(v.Dihedral[j]); d > most {
				t.Errorf("%s %s: %d bits", v.File, houvast.Orientations()[j], d)
			}
		}
	}
	if exact < 10 || near < 10 {
		t.Errorf("only %d PNG and %d JPEG files were compared", exact, near)
	}
}

// TestHashLong: a file of the longest kind is hashed, a byte more is not decoded, and what does not
// even reach the child is digested to its end all the same.
func TestHashLong(t *testing.T) {
	t.Parallel()
	const beyond = largest + childSlack + 12_345
	picture := sampleFiles()["street.png"]
	for _, c := range []struct {
		size      int64
		code      int
		status    houvast.HashStatus
		reason    string
		mediaType string
	}{
		{largest, 0, houvast.Hashed, "", "image/png"},
		{largest + 1, exitCouldNotSee, houvast.Unreadable, decode.TooManyBytes, "image/png"},
		{beyond, exitCouldNotSee, houvast.Unreadable, decode.TooManyBytes, ""},
	} {
		body := func() io.Reader { // decoders do not mind what stands after the end of a picture
			return io.LimitReader(io.MultiReader(bytes.NewReader(picture), endless{}), c.size)
		}
		d, _, err := hashing.Digest(body())
		if err != nil {
			t.Fatal(err)
		}
		got := hashLines(t, c.code, body(), "-")
		if len(got) != 1 || got[0].Status != c.status || got[0].Reason != c.reason || got[0].MediaType != c.mediaType ||
			got[0].Bytes != c.size || got[0].SHA256 != hex.EncodeToString(d.SHA256[:]) {
			t.Errorf("%d bytes: %+v", c.size, got)
		}
	}
}

// endless is a run of zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// A file that breaks off has no digests: those of its beginning would be those of another file.
func TestHashBrokenOff(t *testing.T) {
	once := &hiccup{r: bytes.NewReader(sampleFiles()["street.png"])}
	for name, in := range map[string]io.Reader{
		"within the bound": io.MultiReader(bytes.NewReader(sampleFiles()["street.png"]), iotest.ErrReader(errors.New("the line went dead"))),
		"once only":        once,
		"beyond the bound": io.MultiReader(io.LimitReader(endless{}, largest+childSlack+1), iotest.ErrReader(errors.New("the line went dead"))),
	} {
		code, out, errs := runHouvast(t, in, "hash", "--json", "-")
		if code != 70 || out != "" || errs != "houvast: error: standard input: the line went dead\n" {
			t.Errorf("%s: code %d, stdout %q, stderr %q", name, code, out, errs)
		}
	}
	if once.reads != 3 {
		t.Errorf("after its error the file was read %d times more", once.reads-3)
	}
}

// hiccup fails once in the middle and could be read on.
type hiccup struct {
	r     *bytes.Reader
	reads int
}

func (h *hiccup) Read(b []byte) (int, error) {
	if h.reads++; h.reads == 3 {
		return 0, errors.New("the line went dead")
	}
	return h.r.Read(b[:min(len(b), 1000)])
}

// An interrupt ends the command also when it waits for somebody to type.
func TestHashInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in := &idle{waiting: make(chan struct{}), end: make(chan struct{})}
	defer close(in.end)
	var out, errs bytes.Buffer
	ended := make(chan int)
	go func() { ended <- run(ctx, &env{stdin: in, stdout: &out, stderr: &errs}, []string{"hash", "-"}) }()
	<-in.waiting
	cancel()
	select {
	case code := <-ended:
		if code != 69 || out.Len() > 0 || errs.String() != "houvast: error: interrupted before all files were hashed\n" {
			t.Errorf("code %d, stdout %q, stderr %q", code, &out, &errs)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the command did not end")
	}
}

// idle is a terminal at which somebody does not type.
type idle struct{ waiting, end chan struct{} }

func (i *idle) Read([]byte) (int, error) {
	close(i.waiting)
	<-i.end
	return 0, io.EOF
}

// TestJudge: whatever a child says or does, the file is looked at or it is said to be not.
func TestJudge(t *testing.T) {
	good, err := json.Marshal(houvast.Perceptual{Status: houvast.Hashed, MediaType: "image/png", Width: 1, Height: 1, PDQQuality: 100})
	if err != nil {
		t.Fatal(err)
	}
	if seen, err := judge(good, nil); err != nil || seen.Status != houvast.Hashed {
		t.Fatalf("a good answer: %+v, %v", seen, err)
	}
	for _, bad := range []string{
		"", "{", "[]", "null", `{"status":""}`, `{"status":"clean"}`, `{"status":"hashed","pdq":["00"]}`,
		`{"status":"hashed","width":-1}`, `{"status":"hashed","height":-1}`, `{"status":"hashed","pdq_quality":101}`,
		`{"status":"hashed","pdq_full_quality":-1}`, `{"status":"not_media","reason":"` + strings.Repeat("x", 101) + `"}`,
		`{"status":"hashed","media_type":"` + strings.Repeat("x", 101) + `"}`,
	} {
		want := houvast.Perceptual{Status: houvast.Unreadable, Reason: "the decoder gave no usable answer"}
		if seen, err := judge([]byte(bad), nil); err != nil || seen != want {
			t.Errorf("%.60s: %+v, %v", bad, seen, err)
		}
	}
	for _, r := range sandbox.Reasons() {
		seen, err := judge(nil, houvast.Errorf("sandbox.Do", houvast.Unavailable, string(r), "detail"))
		if r == sandbox.LayerMiss || r == sandbox.ChildStart {
			if houvast.KindOf(err) != houvast.Unavailable || houvast.CodeOf(err) != string(r) || houvast.HintOf(err) == "" {
				t.Errorf("%s: %v, but nothing can be decoded at all", r, err)
			}
			continue
		}
		if err != nil || seen.Status != houvast.Unreadable || !strings.HasPrefix(seen.Reason, "the decoder ") {
			t.Errorf("%s: %+v, %v", r, seen, err)
		}
	}
	if _, err := judge(nil, houvast.Errorf("sandbox.Do", houvast.Unavailable, "interrupted", "detail")); err == nil {
		t.Error("an interrupted look passed for a look")
	}
}

// TestChildIsHeld sends what a decoder that was taken over would try into a child of this command,
// and a picture after it.
func TestChildIsHeld(t *testing.T) {
	pool, err := newPool(1, 0, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	tried, err := drill.Prove(t.Context(), pool)
	if err != nil || len(tried) == 0 {
		t.Fatalf("%d attempts, %v", len(tried), err)
	}
	if got := pool.Layers(); got != sandbox.AllLayers {
		t.Errorf("only %s in force", got)
	}
	seen, _, _, err := examine(t.Context(), pool, bytes.NewReader(sampleFiles()["street.png"]))
	if err != nil || seen.Status != houvast.Hashed {
		t.Errorf("%+v, %v", seen, err)
	}
}

// TestDecodesInTheChildOnly: in this folder only child.go may call a decoder.
func TestDecodesInTheChildOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "decode" && slices.Contains([]string{"Decode", "Hash", "Sniff"}, s.Sel.Name) {
					calls[name]++
				}
			}
			return true
		})
	}
	for name := range calls {
		if name != "child.go" && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s decodes outside the sandbox", name)
		}
	}
	if calls["child.go"] == 0 {
		t.Error("child.go was not seen to decode, so this test sees nothing")
	}
}

func TestHashShown(t *testing.T) {
	l := hashLine{File: "a\x1b[2J\nb.png", Status: houvast.NotMedia, Reason: "x\ny"}
	for name, text := range map[string]string{"block": l.block(), "short": l.short()} {
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\nb.png") || strings.Contains(text, "\ny") {
			t.Errorf("%s lets a name or reason move the cursor or start a line: %q", name, text)
		}
	}
}
