package cybertip_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/houvast/houvast/cybertip"
)

var update = flag.Bool("update", false, "write the golden files")

// goldens are the documents whose bytes are promised.
func goldens() map[string]any {
	return map[string]any{
		"report-minimal.xml": minimalReport(),
		"report-typical.xml": typicalReport(),
		"file-minimal.xml":   minimalFile(),
		"file-typical.xml":   typicalFile(),
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b []byte
	var err error
	switch v := v.(type) {
	case cybertip.Report:
		b, err = cybertip.Encode(v)
	case cybertip.FileDetails:
		b, err = cybertip.EncodeFileDetails(v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	names := goldens()
	for name, v := range names {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "golden", name)
			got := encode(t, v)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("bytes changed (-golden +now):\n%s", d)
			}
			if again := encode(t, v); !bytes.Equal(got, again) {
				t.Error("the same value gave other bytes")
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.xml"))
	if err != nil || len(files) != len(names) {
		t.Errorf("%d golden files for %d values, %v", len(files), len(names), err)
	}
}
