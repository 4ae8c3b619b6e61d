package subject_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/subject"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var pepper = subject.Pepper("0123456789abcdef0123456789abcdef")

func of(t *testing.T, w store.Writer, p subject.Pepper, source, id string) (s houvast.SubjectID) {
	t.Helper()
	err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
		s, err = subject.Of(tx, p, houvast.AccountRef{Source: source, ID: id})
		return err
	})
	if err != nil || s == 0 {
		t.Fatalf("subject %v: %v", s, err)
	}
	return s
}

// Two items of one account have one subject; whatever differs has another, and an account without an
// id links to nothing, not even to itself.
func TestOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		seen := map[houvast.SubjectID]string{}
		accounts := []houvast.AccountRef{
			{Source: "photos", ID: "42"}, {Source: "videos", ID: "42"}, {Source: "photos", ID: "43"}, {Source: "photos", ID: "42 "},
			{Source: "Photos", ID: "42"},
			// What would run into each other if source and id were only put together.
			{Source: "ab", ID: "c"}, {Source: "a", ID: "bc"}, {Source: "", ID: "abc"}, {Source: "abc", ID: "x"},
			{Source: "a:", ID: "b"}, {Source: "a", ID: ":b"}, {Source: "1", ID: ":x"}, {Source: "1:", ID: "x"},
			{Source: "a\x00", ID: "b"}, {Source: "a", ID: "\x00b"}, {Source: strings.Repeat("s", 12), ID: "i"}, {Source: "s", ID: strings.Repeat("s", 11) + "i"},
			{Source: "photos", ID: "anonymous"},
		}
		for _, a := range accounts {
			s := of(t, w, pepper, a.Source, a.ID)
			if have, dup := seen[s]; dup {
				t.Errorf("%q and %q are one subject", have, fmt.Sprint(a))
			}
			seen[s] = fmt.Sprint(a)
		}
		for _, a := range accounts {
			if s := of(t, w, pepper, a.Source, a.ID); seen[s] != fmt.Sprint(a) {
				t.Errorf("%q is another subject the second time", fmt.Sprint(a))
			}
		}
		for _, source := range []string{"photos", "photos", "", ""} {
			s := of(t, w, pepper, source, "")
			if have, dup := seen[s]; dup {
				t.Errorf("an account without an id links to %q", have)
			}
			seen[s] = "no id"
		}
		if s := of(t, w, append(subject.Pepper("x"), pepper...), "photos", "42"); seen[s] != "" {
			t.Error("another key makes the same link")
		}
	})
}

// Items of a new account that come in at once still have one subject.
func TestOfAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		var wg sync.WaitGroup
		var ids [12]houvast.SubjectID
		var errs [12]error
		for i := range ids {
			wg.Go(func() {
				errs[i] = w.Update(t.Context(), func(tx *store.Tx) (err error) {
					ids[i], err = subject.Of(tx, pepper, houvast.AccountRef{Source: "photos", ID: "new"})
					return err
				})
			})
		}
		wg.Wait()
		for i, id := range ids {
			if errs[i] != nil || id != ids[0] || id == 0 {
				t.Errorf("item %d: subject %v, %v; the first has %v", i, id, errs[i], ids[0])
			}
		}
	})
}

// Nothing in the database says who an account is: neither its name, nor its source, nor a hash that
// could be made without the key.
func TestNoAccountInTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		const source, id = "planted-source", "planted-account-77"
		of(t, w, pepper, source, id)
		of(t, w, pepper, source, "")
		found := dump(t, w)
		for _, secret := range []string{source, id, "planted", "anonymous", string(pepper)} {
			if strings.Contains(strings.ToLower(found), strings.ToLower(secret)) {
				t.Errorf("the database holds %q", secret)
			}
		}
		// The look must be able to find: one planted row shows that it is.
		err := w.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO subject (id, link, since) VALUES (1, $1, 0)", "account "+id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(dump(t, w), id) {
			t.Error("the dump does not see what was planted, so it proves nothing")
		}
		unkeyed := of(t, w, nil, source, id)
		keyed := of(t, w, pepper, source, id)
		if unkeyed == keyed {
			t.Error("the link does not depend on the key")
		}
	})
}

// dump returns every column of every row of every table as text.
func dump(t *testing.T, w store.Writer) string {
	t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if w.DB().Engine() == store.Postgres {
		names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	var b strings.Builder
	rows := map[string]int{}
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		var tables []string
		err := tx.Rows(names, nil, func(row *sql.Rows) error {
			tables = append(tables, "")
			return row.Scan(&tables[len(tables)-1])
		})
		for _, table := range tables {
			if err == nil {
				err = tx.Rows("SELECT * FROM "+table, nil, func(row *sql.Rows) error {
					rows[table]++
					return dumpRow(&b, row)
				})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows["subject"] < 2 || len(rows) < 2 {
		t.Fatalf("rows %v: looking into empty tables proves nothing", rows)
	}
	return b.String()
}

func dumpRow(b *strings.Builder, row *sql.Rows) error {
	columns, err := row.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	err = row.Scan(values...)
	for i, v := range values {
		fmt.Fprintf(b, "%s=%s\n", columns[i], *v.(*sql.RawBytes))
	}
	return err
}
