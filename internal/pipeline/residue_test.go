package pipeline_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/houvast/houvast/internal/store"
)

// window is the length of a piece of a file that may be found nowhere.
const window = 32

// A search is what must not be found in clear: texts, and every window of files.
type search struct {
	texts   []string
	windows map[[window]byte]bool
}

// searchFor makes a search. Windows of few different bytes are left out: runs of zeros are anywhere.
func searchFor(texts []string, files ...[]byte) search {
	s := search{texts: texts, windows: map[[window]byte]bool{}}
	for _, f := range files {
		for i := 0; i+window <= len(f); i++ {
			w := [window]byte(f[i:])
			var seen [256]bool
			different := 0
			for _, b := range w {
				if !seen[b] {
					seen[b], different = true, different+1
				}
			}
			if different >= window/2 {
				s.windows[w] = true
			}
		}
	}
	return s
}

// in returns what of s lies in b.
func (s search) in(b []byte) (found []string) {
	for _, text := range s.texts {
		for form, as := range map[string]string{"": text, " in hex": hex.EncodeToString([]byte(text)), " in base64": base64.RawStdEncoding.EncodeToString([]byte(text))} {
			if bytes.Contains(b, []byte(as)) {
				found = append(found, fmt.Sprintf("%q%s", text, form))
			}
		}
	}
	for i := 0; i+window <= len(b) && len(s.windows) > 0; i++ {
		if s.windows[[window]byte(b[i:])] {
			return append(found, fmt.Sprintf("a piece of a file at %d", i))
		}
	}
	return found
}

// residue looks for s wherever the house writes: the files of the database, of the blobs and of the
// keys, every column of every table, and the log.
func (h *house) residue(s search) (found []string) {
	h.t.Helper()
	places := []string{h.blobDir, h.keyDir}
	if h.cfg.Path != "" {
		places = append(places, filepath.Dir(h.cfg.Path))
	}
	read := 0
	for _, dir := range places {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			read++
			for _, f := range s.in(b) {
				found = append(found, "file "+filepath.Base(path)+": "+f)
			}
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	columns := 0
	h.columns(func(where string, value []byte) {
		columns++
		for _, f := range s.in(value) {
			found = append(found, where+": "+f)
		}
	})
	for _, f := range s.in([]byte(h.log.String())) {
		found = append(found, "log: "+f)
	}
	if read == 0 || columns == 0 {
		h.t.Fatalf("the scan read %d files and %d columns, so it proves nothing", read, columns)
	}
	slices.Sort(found)
	return found
}

// columns calls fn for every value of the database.
func (h *house) columns(fn func(where string, value []byte)) {
	h.t.Helper()
	driver, name := "sqlite", "file:"+h.cfg.Path+"?mode=ro&_pragma=busy_timeout(10000)"
	tables := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if h.W.DB().Engine() == store.Postgres {
		driver, name = "pgx", h.cfg.URL
		tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	db, err := sql.Open(driver, name)
	must(h.t, db, err)
	defer db.Close()
	var all []string
	rows(h, db, tables, func(v []any) { all = append(all, fmt.Sprintf("%s", v[0])) })
	for _, table := range all {
		rows(h, db, "SELECT * FROM "+table, func(v []any) {
			for i, x := range v {
				switch x := x.(type) {
				case []byte:
					fn(fmt.Sprintf("%s[%d]", table, i), x)
				case string:
					fn(fmt.Sprintf("%s[%d]", table, i), []byte(x))
				}
			}
		})
	}
}

func rows(h *house, db *sql.DB, query string, fn func(v []any)) {
	h.t.Helper()
	got, err := db.QueryContext(h.t.Context(), query)
	must(h.t, got, err)
	defer got.Close()
	names, err := got.Columns()
	must(h.t, names, err)
	for got.Next() {
		v := make([]any, len(names))
		to := make([]any, len(names))
		for i := range v {
			to[i] = &v[i]
		}
		if err := got.Scan(to...); err != nil {
			h.t.Fatal(err)
		}
		fn(v)
	}
	if err := got.Err(); err != nil {
		h.t.Fatal(err)
	}
}

// planted shows that a scan for s sees: it plants a text and a piece of a file in the database, a file
// among the blobs and a line in the log, and wants each of them found. It spoils the house.
func (h *house) planted(s search, text string, file []byte) {
	h.t.Helper()
	piece := file[len(file)/2:][:2*window]
	h.update(func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO asked (actor, op, key, body, answer, at) VALUES ('a', 'b', 'c', $1, $2, 0)", text, hex.EncodeToString([]byte(text)))
		if err == nil {
			_, err = tx.Exec("INSERT INTO audit_hash (id, hash) VALUES (-1, $1)", piece)
		}
		return err
	})
	err := h.Blobs.Put(h.t.Context(), "planted", func(w io.Writer) error { _, err := w.Write(piece); return err })
	if err != nil {
		h.t.Fatal(err)
	}
	h.Log.Info("planted", "text", text)
	found := strings.Join(h.residue(s), "\n")
	for _, want := range []string{"asked[3]: ", "asked[4]: " + fmt.Sprintf("%q in hex", text), "audit_hash[1]: a piece", "file planted: a piece", "log: "} {
		if !strings.Contains(found, want) {
			h.t.Errorf("control: the scan did not find what was planted at %q; it found:\n%s", want, found)
		}
	}
}
