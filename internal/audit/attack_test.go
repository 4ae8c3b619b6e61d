package audit

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"golang.org/x/mod/sumdb/tlog"
)

// forge does what an attacker with plain SQL can: every hash of the tree is computed again from the
// lines as they now stand, in the order of their numbers. What it cannot make is a MAC or a signature.
func forge(t *testing.T, w store.Writer) {
	t.Helper()
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, hashes[id])
		}
		return out, nil
	})
	var seq int64
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		return tx.Rows("SELECT "+columns+", seq FROM audit_line WHERE seq IS NOT NULL ORDER BY seq", nil, func(row *sql.Rows) error {
			var r record
			var at int64
			if err := r.scan(row, &at); err != nil {
				return err
			}
			more, err := tlog.StoredHashes(seq, r.encode(at), read)
			hashes = append(hashes, more...)
			seq++
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec("DELETE FROM audit_hash"); err != nil {
			return err
		}
		for i, h := range hashes {
			if _, err := tx.Exec("INSERT INTO audit_hash (id, hash) VALUES ($1, $2)", i, h[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var tables = []string{"audit_line", "audit_hash", "audit_checkpoint"}

// keep copies the log, and putBack makes it what it was.
func keep(t *testing.T, w store.Writer) {
	for _, name := range tables {
		exec(t, w, "CREATE TABLE keep_"+name+" AS SELECT * FROM "+name)
	}
}

func putBack(t *testing.T, w store.Writer) {
	t.Helper()
	err := w.Update(t.Context(), func(tx *store.Tx) error {
		for _, name := range tables {
			if _, err := tx.Exec("DELETE FROM " + name); err != nil {
				return err
			}
			if _, err := tx.Exec("INSERT INTO " + name + " SELECT * FROM keep_" + name); err != nil {
				return err
			}
		}
		_, err := tx.Exec("CREATE UNIQUE INDEX IF NOT EXISTS audit_line_seq ON audit_line (seq)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// names fails unless a finding that is no warning begins at line seq and says what.
func names(t *testing.T, r Result, seq int64, what string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Seq == seq && !f.Warn && strings.Contains(f.What, what) {
			return
		}
	}
	t.Errorf("no finding names line %d with %q: %+v", seq, what, r.Findings)
}

// attacks are made on a log of 30 lines, each under a checkpoint of its own.
var attacks = []struct {
	name  string
	do    func(t *testing.T, w store.Writer, m *markBox)
	forge bool
	seq   int64
	what  string
	only  bool // nothing else is found
}{
	{name: "actor changed", do: sqlText("UPDATE audit_line SET actor = 'user:other' WHERE seq = 11"), seq: 11, what: "line 11 is not as it was written", only: true},
	{name: "actor changed, forged", do: sqlText("UPDATE audit_line SET actor = 'user:other' WHERE seq = 11"), forge: true, seq: 11, what: "line 11 is not as it was written"},
	{name: "action changed", do: sqlText("UPDATE audit_line SET action = 'case.show' WHERE seq = 0"), forge: true, seq: 0, what: "line 0 is not"},
	{name: "subject changed", do: sqlText("UPDATE audit_line SET subject = 'case_1' WHERE seq = 29"), forge: true, seq: 29, what: "line 29 is not"},
	{name: "detail changed", do: sqlText("UPDATE audit_line SET detail = '{}' WHERE seq = 15"), forge: true, seq: 15, what: "line 15 is not"},
	{name: "time changed", do: sqlText("UPDATE audit_line SET at = at + 1 WHERE seq = 16"), forge: true, seq: 16, what: "line 16 is not"},
	{name: "id changed", do: sqlText("UPDATE audit_line SET id = id + 4096 WHERE seq = 17"), forge: true, seq: 17, what: "line 17 is not"},
	{name: "boundary between fields moved", do: sqlText("UPDATE audit_line SET actor = actor || action, action = '' WHERE seq = 5"), forge: true, seq: 5, what: "line 5 is not"},
	{name: "changed by who has the MAC key", do: changeWithMAC, forge: true, seq: 11, what: "lines 11 to 11 do not give the root that was signed", only: true},
	{name: "MAC removed", do: sqlText("UPDATE audit_line SET mac = NULL WHERE seq = 4"), forge: true, seq: 4, what: "line 4 is not"},
	{name: "last dropped", do: sqlText("DELETE FROM audit_line WHERE seq = 29"), seq: 29, what: "line 29 is missing", only: true},
	{name: "last dropped, forged", do: sqlText("DELETE FROM audit_line WHERE seq = 29"), forge: true, seq: 29, what: "line 29 is missing"},
	{name: "last dropped with its checkpoint", do: sqlText("DELETE FROM audit_line WHERE seq = 29", "DELETE FROM audit_checkpoint WHERE size = 30"), forge: true, seq: 29, what: "line 29 is missing"},
	{name: "last three dropped", do: sqlText("DELETE FROM audit_line WHERE seq >= 27"), seq: 27, what: "lines 27 to 29 are missing", only: true},
	{name: "inside dropped", do: sqlText("DELETE FROM audit_line WHERE seq = 12"), seq: 12, what: "line 12 is missing", only: true},
	{name: "inside dropped, hashes too", do: sqlText("DELETE FROM audit_line WHERE seq = 12", "DELETE FROM audit_hash"), seq: 12, what: "line 12 is missing"},
	{name: "inside dropped, gap closed", do: closeGap(12), forge: true, seq: 12, what: "line 12 is not as it was written: it was line 13"},
	{name: "inside dropped, gap closed, end", do: closeGap(12), forge: true, seq: 29, what: "line 29 is missing"},
	{name: "made new again", do: sqlText("UPDATE audit_line SET seq = NULL, mac = NULL WHERE seq = 20"), seq: 20, what: "line 20 is missing"},
	{name: "swapped", do: swap("seq"), forge: true, seq: 8, what: "line 8 is not as it was written: it was line 21"},
	{name: "swapped with MACs", do: swap("seq, mac"), forge: true, seq: 21, what: "line 21 is not as it was written: it was line 8"},
	{name: "doubled", do: double(9), seq: 9, what: "more than one line 9"},
	{name: "one put at the end", do: sqlText("INSERT INTO audit_line (id, at, actor, action, subject, detail, seq, mac) SELECT id + 2048, at, actor, action, subject, detail, 30, mac FROM audit_line WHERE seq = 29"), forge: true, seq: 30, what: "no checkpoint covers"},
	{name: "one put far away", do: sqlText("INSERT INTO audit_line (id, at, actor, action, subject, detail, seq, mac) SELECT id + 2048, at, actor, action, subject, detail, 9000000000000000000, mac FROM audit_line WHERE seq = 29"), seq: 9000000000000000000, what: "no checkpoint covers", only: true},
	{name: "one put before", do: sqlText("INSERT INTO audit_line (id, at, actor, action, subject, detail, seq, mac) SELECT id + 2048, at, actor, action, subject, detail, -3, mac FROM audit_line WHERE seq = 29"), seq: -3, what: "no checkpoint covers", only: true},
	{name: "tree changed", do: sqlText("UPDATE audit_hash SET hash = (SELECT hash FROM audit_hash WHERE id = 0) WHERE id = 3"), seq: 2, what: "stored hashes of line 2", only: true},
	{name: "checkpoint changed", do: sqlText("UPDATE audit_checkpoint SET note = (SELECT note FROM audit_checkpoint WHERE size = 3) WHERE size = 7"), seq: 6, what: "checkpoint after line 6 does not verify", only: true},
	{name: "checkpoint of another key", do: otherKey, seq: 9, what: "checkpoint after line 9 does not verify", only: true},
	{name: "forked", do: forked, seq: 9, what: "do not give the root that was signed after line 9", only: true},
	{name: "mark of another log", do: otherMark, seq: 29, what: "that the mark outside the database was kept for", only: true},
	{name: "mark changed", do: func(t *testing.T, w store.Writer, m *markBox) { m.kept = []byte("30") }, seq: -1, what: "mark outside the database does not verify"},
	{name: "mark removed", do: func(t *testing.T, w store.Writer, m *markBox) { m.kept = nil }, seq: -1, what: "no mark outside the database", only: true},
	{name: "mark put back", do: func(t *testing.T, w store.Writer, m *markBox) {
		c, _ := checkpointAt(t, w, 20)
		m.kept = []byte(c)
	}, seq: 20, what: "older than the last two checkpoints", only: true},
}

func sqlText(statements ...string) func(*testing.T, store.Writer, *markBox) {
	return func(t *testing.T, w store.Writer, m *markBox) {
		for _, s := range statements {
			if exec(t, w, s) == 0 {
				t.Fatalf("%s: changed nothing", s)
			}
		}
	}
}

// changeWithMAC is what the MAC alone would not find; the signatures still do, to the checkpoint.
func changeWithMAC(t *testing.T, w store.Writer, m *markBox) {
	exec(t, w, "UPDATE audit_line SET actor = 'user:other' WHERE seq = 11")
	var r record
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		return tx.Rows("SELECT "+columns+" FROM audit_line WHERE seq = 11", nil, func(row *sql.Rows) error { return r.scan(row) })
	})
	if err != nil {
		t.Fatal(err)
	}
	mac := (&sealer{Keys: m.keys()}).mac(11, r.leaf(11))
	exec(t, w, "UPDATE audit_line SET mac = $1 WHERE seq = 11", mac)
}

func closeGap(at int) func(*testing.T, store.Writer, *markBox) {
	return func(t *testing.T, w store.Writer, m *markBox) {
		exec(t, w, "DELETE FROM audit_line WHERE seq = $1", at)
		for i := at + 1; i < 30; i++ {
			exec(t, w, "UPDATE audit_line SET seq = $1 WHERE seq = $2", i-1, i)
		}
	}
}

// swap lets lines 8 and 21 change places, with their MACs or without.
func swap(what string) func(*testing.T, store.Writer, *markBox) {
	return func(t *testing.T, w store.Writer, m *markBox) {
		if strings.Contains(what, "mac") {
			exec(t, w, "UPDATE audit_line SET mac = (SELECT k.mac FROM keep_audit_line k WHERE k.seq = 29 - audit_line.seq) WHERE seq IN (8, 21)")
		}
		exec(t, w, "UPDATE audit_line SET seq = -1 WHERE seq = 8")
		exec(t, w, "UPDATE audit_line SET seq = 8 WHERE seq = 21")
		exec(t, w, "UPDATE audit_line SET seq = 21 WHERE seq = -1")
	}
}

func double(seq int) func(*testing.T, store.Writer, *markBox) {
	return func(t *testing.T, w store.Writer, m *markBox) {
		exec(t, w, "DROP INDEX audit_line_seq")
		exec(t, w, "INSERT INTO audit_line (id, at, actor, action, subject, detail, seq, mac) SELECT id + 2048, at, actor, action, 'case_other', detail, seq, mac FROM audit_line WHERE seq = $1", seq)
	}
}

func checkpointAt(t *testing.T, w store.Writer, size int64) (text string, root tlog.Hash) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		return tx.Row("SELECT note FROM audit_checkpoint WHERE size = $1", store.Args(size), &text)
	})
	if err != nil {
		t.Fatal(err)
	}
	root, err = tlog.ParseHash(strings.Split(text, "\n")[2])
	if err != nil {
		t.Fatal(err)
	}
	return text, root
}

func sign(t *testing.T, k Keys, size int64, root tlog.Hash) string {
	t.Helper()
	s, err := newSealer(k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.seal(size, root)
	if err != nil {
		t.Fatal(err)
	}
	return c.text
}

func otherKey(t *testing.T, w store.Writer, m *markBox) {
	k := m.keys()
	k.Sign = []byte(strings.Repeat("z", 32))
	_, root := checkpointAt(t, w, 10)
	exec(t, w, "UPDATE audit_checkpoint SET note = $1 WHERE size = 10", sign(t, k, 10, root))
}

// forked puts a checkpoint with our signature and another root: what a second log under the same key
// would have signed.
func forked(t *testing.T, w store.Writer, m *markBox) {
	exec(t, w, "UPDATE audit_checkpoint SET note = $1 WHERE size = 10", sign(t, m.keys(), 10, tlog.RecordHash(nil)))
}

func otherMark(t *testing.T, w store.Writer, m *markBox) {
	m.kept = []byte(sign(t, m.keys(), 30, tlog.RecordHash(nil)))
}

func TestAttacks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		for i := range 30 {
			add(t, w, line(i))
			if n, err := l.step(t.Context(), true); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		keep(t, w)
		mark := m.kept
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				sound(t, w, m, 30) // the control: nothing is found before the attack
				a.do(t, w, m)
				if a.forge {
					forge(t, w)
				}
				r := verify(t, w, m)
				if r.Sound() {
					t.Error("the attack was not seen")
				}
				names(t, r, a.seq, a.what)
				if a.only && len(r.Findings) > 1 {
					t.Errorf("more than the attack was found: %+v", r.Findings)
				}
				putBack(t, w)
				m.kept = mark
			})
		}
		t.Logf("%d attacks", len(attacks))
	})
}

// Yesterday's database is signed and complete. Only the mark tells, to Verify and to the sequencer.
func TestDatabasePutBack(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			w := storetest.Reopen(t, cfg)
			m := &markBox{}
			l := newLog(t, w, m)
			stop := run(t, l)
			fill(t, w, l, 0, 12)
			yesterday := cfg.Path + ".yesterday"
			if e == store.SQLite {
				if err := w.DB().Backup(t.Context(), yesterday); err != nil {
					t.Fatal(err)
				}
			}
			old := m.kept
			fill(t, w, l, 12, 8)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			sound(t, w, m, 20)

			if e == store.SQLite {
				w.DB().Close()
				for _, end := range []string{"", "-wal", "-shm"} {
					os.Remove(cfg.Path + end)
				}
				if err := os.Rename(yesterday, cfg.Path); err != nil {
					t.Fatal(err)
				}
				w = storetest.Reopen(t, cfg)
			} else {
				exec(t, w, "DELETE FROM audit_line WHERE seq >= 12")
				exec(t, w, "DELETE FROM audit_hash WHERE id >= $1", tlog.StoredHashCount(12))
				exec(t, w, "DELETE FROM audit_checkpoint WHERE size > 12")
			}
			r := verify(t, w, m)
			names(t, r, 12, "lines 12 to 19 are missing")
			names(t, r, 12, "it was put back")
			if len(r.Findings) != 2 || r.Size != 12 {
				t.Errorf("%+v", r)
			}
			l = newLog(t, w, m)
			if err := l.Run(t.Context()); houvast.CodeOf(err) != "audit-rolled-back" || houvast.KindOf(err) != houvast.Corrupt {
				t.Errorf("the sequencer went on: %v", err)
			}
			id := add(t, w, line(99))
			if err := l.Wait(t.Context(), id); houvast.CodeOf(err) != "audit-unwritable" {
				t.Errorf("a line was answered over a database that was put back: %v", err)
			}

			// Who put it back on purpose says so, in the log itself.
			if err := l.Accept(t.Context(), "cli:0"); err != nil {
				t.Fatal(err)
			}
			restored := number(t, w, `SELECT COUNT(*) FROM audit_line WHERE action = 'audit.restored' AND actor = 'cli:0'
				AND detail LIKE '{"first_lost":"12","last_lost":"19","root_lost":"%'`)
			if restored != 1 {
				t.Error("no line says what was lost")
			}
			stop = run(t, l)
			if err := l.Wait(t.Context(), id); err != nil {
				t.Error(err)
			}
			fill(t, w, l, 30, 1)
			stop()
			sound(t, w, m, 15)
			if err := l.Accept(t.Context(), "cli:0"); houvast.CodeOf(err) != "audit-nothing-lost" {
				t.Errorf("accepted a log that lost nothing: %v", err)
			}

			// The control: with the mark of yesterday, nobody could tell.
			exec(t, w, "DELETE FROM audit_line WHERE seq IS NULL OR seq >= 12")
			exec(t, w, "DELETE FROM audit_hash WHERE id >= $1", tlog.StoredHashCount(12))
			exec(t, w, "DELETE FROM audit_checkpoint WHERE size > 12")
			m.kept = old
			sound(t, w, m, 12)
		})
	}
}

// The sequencer signs nothing over an end of the log that it did not sign itself.
func TestSequencerRefusesTamperedEnd(t *testing.T) {
	cases := []struct {
		name, text, code string
	}{
		{"last dropped", "DELETE FROM audit_line WHERE seq = 9", "audit-tampered"},
		{"number taken", "INSERT INTO audit_line (id, at, actor, action, subject, detail, seq) SELECT id + 2048, at, actor, action, subject, detail, 10 FROM audit_line WHERE seq = 9", "audit-tampered"},
		{"tree dropped", "DELETE FROM audit_hash", "audit-tampered"},
		{"tree changed", "UPDATE audit_hash SET hash = (SELECT hash FROM audit_hash WHERE id = 0) WHERE id = 14", "audit-tampered"},
		{"checkpoint changed", "UPDATE audit_checkpoint SET note = 'x' WHERE size = 10", "audit-tampered"},
		{"checkpoints dropped", "DELETE FROM audit_checkpoint", "audit-tampered"},
		{"all dropped", "DELETE FROM audit_checkpoint; DELETE FROM audit_line; DELETE FROM audit_hash", "audit-rolled-back"},
	}
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		stop := run(t, l)
		fill(t, w, l, 0, 10)
		stop()
		keep(t, w)
		mark := m.kept
		refuses := func(name, code string) {
			t.Helper()
			add(t, w, line(10))
			if err := newLog(t, w, m).Run(t.Context()); houvast.CodeOf(err) != code {
				t.Errorf("%s: %v", name, err)
			}
			if n := number(t, w, "SELECT COUNT(*) FROM audit_checkpoint WHERE size > 10"); n > 0 {
				t.Errorf("%s: signed over it", name)
			}
			putBack(t, w)
			m.kept = mark
		}
		for _, c := range cases {
			for _, s := range strings.Split(c.text, "; ") {
				exec(t, w, s)
			}
			refuses(c.name, c.code)
		}
		exec(t, w, "UPDATE audit_hash SET hash = $1 WHERE id = 14", []byte("short"))
		refuses("tree cut short", "audit-tampered")
		for code, kept := range map[string][]byte{
			"audit-mark-bad":     []byte("x"),
			"audit-mark-missing": nil,
			"audit-forked":       []byte(sign(t, m.keys(), 10, tlog.RecordHash(nil))),
		} {
			m.kept = kept
			refuses(code, code)
		}
		l = newLog(t, w, m) // the control: with everything put back it goes on
		run(t, l)
		fill(t, w, l, 10, 1)
		sound(t, w, m, 11)
	})
}
