package cybertip

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fill draws a value for every place of the tree. Only what the wire could not carry is left out:
// unanswered structures and empty required attributes and numbers.
func fill(t *rapid.T, e *element, v reflect.Value) {
	if e.leaf() {
		leaf(t, e, v)
		return
	}
	for _, c := range e.children {
		f := v.FieldByIndex(c.index)
		switch f.Kind() {
		case reflect.Pointer:
			if rapid.Bool().Draw(t, c.name) {
				f.Set(reflect.New(f.Type().Elem()))
				fill(t, c, f.Elem())
			}
		case reflect.Slice:
			low := 0
			if c.rule.req {
				low = 1
			}
			for range rapid.IntRange(low, 2).Draw(t, "number of "+c.name) {
				item := reflect.New(f.Type().Elem()).Elem()
				fill(t, c, item)
				f.Set(reflect.Append(f, item))
			}
		default:
			fill(t, c, f)
		}
	}
}

var anyText = rapid.StringOfN(rapid.OneOf(
	rapid.SampledFrom([]rune("<>&\"' \t\r\n]]>{}é漢😀\u0085\u2028\ufffd")),
	rapid.Rune().Filter(xmlRune)), 0, 12, -1)

func leaf(t *rapid.T, e *element, v reflect.Value) {
	req := e.rule.req || e.repeat
	switch v.Interface().(type) {
	case Flag:
		v.SetBool(rapid.Bool().Draw(t, e.name))
		return
	case Answer:
		low := Unanswered
		if req {
			low = Yes
		}
		v.SetUint(uint64(rapid.SampledFrom([]Answer{low, Yes, No}).Draw(t, e.name)))
		return
	case Time:
		ms := rapid.Int64Range(-30e12, 200e12).Draw(t, e.name) // years 1019 to 8307
		if req && ms == 0 {
			ms = 1
		}
		v.SetInt(ms)
		return
	}
	switch v.Kind() {
	case reflect.String:
		s := anyText.Draw(t, e.name)
		if e.attr() && e.rule.req && s == "" {
			s = "x"
		}
		v.SetString(s)
	case reflect.Int, reflect.Int64:
		n := rapid.Int64Range(-1<<40, 1<<40).Draw(t, e.name)
		if n == 0 && e.rule.req {
			n = 1
		}
		v.SetInt(n)
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-1e9, 1e9).Draw(t, e.name))
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Report
		fill(t, reportTree, reflect.ValueOf(&r).Elem())
		b, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if d := cmp.Diff(r, back); d != "" {
			t.Fatalf("read back other than written (-written +read):\n%s", d)
		}
		if again, _ := Encode(back); !bytes.Equal(b, again) {
			t.Fatal("encoded again, the bytes differ")
		}
	})
}

func TestRoundTripFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d FileDetails
		fill(t, fileTree, reflect.ValueOf(&d).Elem())
		b, err := EncodeFileDetails(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeFileDetails(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if d := cmp.Diff(d, back); d != "" {
			t.Fatalf("read back other than written (-written +read):\n%s", d)
		}
	})
}

// full returns a value in which every place of the tree is filled once.
func full(e *element, v reflect.Value) {
	if e.leaf() {
		switch v.Interface().(type) {
		case Flag:
			v.SetBool(true)
			return
		case Answer:
			v.SetUint(uint64(Yes))
			return
		}
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int, reflect.Int64:
			v.SetInt(1)
		case reflect.Float64:
			v.SetFloat(1)
		}
		return
	}
	for _, c := range e.children {
		f := v.FieldByIndex(c.index)
		switch f.Kind() {
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			full(c, f.Elem())
		case reflect.Slice:
			item := reflect.New(f.Type().Elem()).Elem()
			full(c, item)
			f.Set(reflect.Append(f, item))
		default:
			full(c, f)
		}
	}
}

// TestEveryElementIsWritten fills all places and counts that the bytes hold each of them: a field
// whose tag the encoder and the tree read differently would be missing here.
func TestEveryElementIsWritten(t *testing.T) {
	var r Report
	full(reportTree, reflect.ValueOf(&r).Elem())
	var d FileDetails
	full(fileTree, reflect.ValueOf(&d).Elem())
	for _, c := range []struct {
		tree *element
		enc  func() ([]byte, error)
		dec  func([]byte) error
	}{
		{reportTree, func() ([]byte, error) { return Encode(r) }, func(b []byte) error { _, err := Decode(b); return err }},
		{fileTree, func() ([]byte, error) { return EncodeFileDetails(d) }, func(b []byte) error { _, err := DecodeFileDetails(b); return err }},
	} {
		b, err := c.enc()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.dec(b); err != nil {
			t.Errorf("%s: %v", c.tree.name, err)
		}
		got := strings.Count(string(b), "</") + strings.Count(string(b), `="`) - 2 // prolog
		want := 0
		for _, p := range Elements() {
			if strings.HasPrefix(p+"/", c.tree.name+"/") {
				want++
			}
		}
		if got != want || want == 0 {
			t.Errorf("%s: %d elements and attributes written, the tree has %d", c.tree.name, got, want)
		}
		t.Logf("%s: %d elements and attributes", c.tree.name, want)
	}
}
