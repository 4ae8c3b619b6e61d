package crash

import (
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		memory     bool
		kept       []string
	}{
		{"nothing", "", false, nil},
		{"a panic with content", "panic: what the item said\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/home/someone/decode/jpeg.go:12 +0x1d\n", false, []string{"panic", "decode/jpeg.go:12"}},
		{"a runtime panic", "panic: runtime error: index out of range [5] with length 3\n", false, []string{"panic: runtime error: index out of range [5] with length 3"}},
		{"no memory", "runtime: out of memory: cannot allocate 4194304-byte block\nfatal error: out of memory\n", true, []string{"out of memory"}},
		{"no memory, later", "fatal error: runtime: cannot allocate memory\n", true, []string{"out of memory"}},
		{"no memory for its books", "fatal error: out of memory allocating heap arena metadata\n\t/go/src/runtime/malloc.go:884 +0x1\n\t/a/b.go:1 +0x1\n", true, []string{"out of memory", "a/b.go:1"}},
		{"chatter", "what the item said\n\t/a/b.go:1 +0x1\n", false, nil},
		{"odd signs", "fatal error: \x1b[31mred\x00<b>\n", false, []string{"fatal error: ?[31mred??b?"}},
		{"a frame with text in it", "panic: x\n\t/a/what the item said.go:1\n\t/a/b.go:1 what it said\n", false, []string{"panic"}},
		{"a last line without an end", "fatal error: stack", false, nil},
	} {
		if got := Read(strings.NewReader(c.text)); got.Memory != c.memory || !slices.Equal(got.Kept, c.kept) {
			t.Errorf("%s: %v %q, want %v %q", c.name, got.Memory, got.Kept, c.memory, c.kept)
		}
	}
}

func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		b.WriteString("fatal error: " + strings.Repeat("x", 1000+i) + string(rune('a'+i%26)) + "\n")
		b.WriteString("fatal error: " + string(rune('a'+i%26)) + "\n")
	}
	r := strings.NewReader(b.String() + strings.Repeat("y", 4<<20))
	got := Read(r)
	if len(got.Kept) != 12 || len(got.String()) > 12*130 {
		t.Errorf("%d lines, %d bytes kept", len(got.Kept), len(got.String()))
	}
	if r.Len() == 0 {
		t.Error("everything was read")
	}
}
