package bank

import (
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// Topic is notified when an index must look again.
const Topic = "bank"

// ChunkSize is the number of entries that one transaction takes; it stays well under 50 ms.
const ChunkSize = 1000

// Create makes an empty bank.
func Create(tx *store.Tx, b Bank) (Bank, error) {
	const op = "bank.Create"
	if err := b.check(); err != nil {
		return b, err
	}
	b.ID, b.Created = houvast.BankID(tx.NewID()), tx.Now()
	_, err := tx.Exec("INSERT INTO bank (id, name, category, trust, threshold, disabled, created) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		b.ID, b.Name, b.Category, b.Trust, b.Threshold, false, houvast.Micros(b.Created))
	if houvast.KindOf(err) == houvast.Conflict {
		return b, houvast.Errorf(op, houvast.Conflict, "bank-exists", "there is a bank %s already", b.Name)
	}
	if err != nil {
		return b, err
	}
	return b, touch(tx)
}

// touch makes every index look again.
func touch(tx *store.Tx) error {
	_, err := nextRev(tx)
	return err
}

func nextRev(tx *store.Tx) (rev int64, err error) {
	tx.Notify(Topic)
	err = tx.Row("INSERT INTO bank_rev (id, rev) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET rev = bank_rev.rev + 1 RETURNING rev", nil, &rev)
	return rev, err
}

// All returns every bank with its number of entries, by name.
func All(tx *store.Tx) ([]Bank, error) { return banks(tx, "") }

// ByName returns a bank.
func ByName(tx *store.Tx, name string) (Bank, error) {
	found, err := banks(tx, "WHERE b.name = $1", name)
	if err == nil && len(found) == 0 {
		err = houvast.Errorf("bank.ByName", houvast.NotFound, "bank-unknown", "there is no bank of that name").
			WithHint("houvast bank list shows them")
	}
	if err != nil {
		return Bank{}, err
	}
	return found[0], nil
}

func banks(tx *store.Tx, where string, args ...any) (found []Bank, err error) {
	err = tx.Rows(`SELECT b.id, b.name, b.category, b.trust, b.threshold, b.disabled, b.created,
		(SELECT COUNT(*) FROM bank_entry e WHERE e.bank = b.id) FROM bank b `+where+` ORDER BY b.name`, args,
		func(row *sql.Rows) error {
			var b Bank
			var created int64
			err := row.Scan(&b.ID, &b.Name, &b.Category, &b.Trust, &b.Threshold, &b.Disabled, &created, &b.Entries)
			b.Created = houvast.FromMicros(created)
			found = append(found, b)
			return err
		})
	return found, err
}

// Thresholds returns the threshold of every bank, in bits.
func Thresholds(tx *store.Tx) (map[houvast.BankID]int, error) {
	all := map[houvast.BankID]int{}
	err := tx.Rows("SELECT id, threshold FROM bank", nil, func(row *sql.Rows) error {
		var id houvast.BankID
		var bits int
		err := row.Scan(&id, &bits)
		all[id] = bits
		return err
	})
	return all, err
}

// SetDisabled takes a bank out of matching or puts it back. Its entries stay.
func SetDisabled(tx *store.Tx, name string, disabled bool) (Bank, error) {
	b, err := ByName(tx, name)
	if err != nil {
		return b, err
	}
	b.Disabled = disabled
	if _, err := tx.Exec("UPDATE bank SET disabled = $2 WHERE id = $1", b.ID, disabled); err != nil {
		return b, err
	}
	return b, touch(tx)
}

// perInsert is how many rows one statement inserts. SQLite searches the names of all parameters for
// each of them, so that long statements cost more than they save; PostgreSQL loses little by it.
const perInsert = 20

// Add inserts up to ChunkSize entries and returns how many were new.
func Add(tx *store.Tx, id houvast.BankID, entries []Entry) (added int, err error) {
	rev, err := nextRev(tx)
	if err != nil {
		return 0, err
	}
	for len(entries) > 0 {
		n := min(len(entries), perInsert)
		args := append(make([]any, 0, 2+perRow*n), id, rev)
		for _, e := range entries[:n] {
			var pdq []byte
			if e.PDQ != nil {
				pdq = e.PDQ[:]
			}
			args = append(args, tx.NewID(), e.identity(), pdq, e.Profile, e.MD5, e.SHA1, e.SHA256, e.Tag, e.Member, e.SourceID, e.Note)
		}
		done, err := tx.Exec(insertText(n), args...)
		if err != nil {
			return added, err
		}
		added, entries = added+int(done), entries[n:]
	}
	return added, nil
}

// perRow is how many parameters a row has of its own; bank and revision are $1 and $2 of all.
const perRow = 11

func insertText(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO bank_entry (bank, rev, flagged, id, identity, pdq, profile, md5, sha1, sha256, tag, member, source_id, note) VALUES ")
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteString("($1,$2,0")
		for c := range perRow {
			b.WriteString(",$")
			b.WriteString(strconv.Itoa(3 + perRow*r + c))
		}
		b.WriteByte(')')
	}
	b.WriteString(" ON CONFLICT (bank, identity) DO NOTHING")
	return b.String()
}

// Flag records that a person found an entry not to be abuse; its source is told by whoever exchanges
// with it. The entry keeps matching: one person's word does not overrule a list.
func Flag(tx *store.Tx, entry houvast.EntryID) error {
	_, err := tx.Exec("UPDATE bank_entry SET flagged = $2 WHERE id = $1 AND flagged = 0", entry, houvast.Micros(tx.Now()))
	return err
}

// Flagged returns the number of entries that a person found not to be abuse.
func Flagged(tx *store.Tx) (n int, err error) {
	err = tx.Row("SELECT COUNT(*) FROM bank_entry WHERE flagged <> 0", nil, &n)
	return n, err
}

// revision returns the counter that an index follows.
func revision(tx *store.Tx) (rev int64, err error) {
	err = tx.Row("SELECT COALESCE(MAX(rev), 0) FROM bank_rev", nil, &rev)
	return rev, err
}

// since calls fn for every entry that became visible after rev, in order.
func since(tx *store.Tx, rev int64, fn func(e Entry, bank houvast.BankID)) error {
	return tx.Rows("SELECT id, bank, pdq, profile, md5, sha1, sha256 FROM bank_entry WHERE rev > $1 ORDER BY rev, id", store.Args(rev),
		func(row *sql.Rows) error {
			var e Entry
			var bank houvast.BankID
			var pdq sql.RawBytes
			var md5, sha1, sha256 sql.RawBytes
			if err := row.Scan(&e.ID, &bank, &pdq, &e.Profile, &md5, &sha1, &sha256); err != nil {
				return err
			}
			if len(pdq) == len(houvast.PDQ{}) {
				h := houvast.PDQ(pdq)
				e.PDQ = &h
			}
			e.MD5, e.SHA1, e.SHA256 = md5, sha1, sha256
			fn(e, bank)
			return nil
		})
}

// details fills in what the index does not keep in memory.
func details(tx *store.Tx, m *houvast.Match) error {
	return tx.Row("SELECT tag, member, source_id, note FROM bank_entry WHERE id = $1", store.Args(m.Entry),
		&m.EntryTag, &m.Member, &m.SourceID, &m.Note)
}

// Refresh follows the table as tx sees it, and never goes back: another transaction may have seen more
// already. It is cheap when nothing changed. The tx is of a View: what is not committed has no place
// in the index.
func (x *Index) Refresh(tx *store.Tx) error {
	rev, err := revision(tx)
	if err != nil {
		return err
	}
	x.mu.RLock()
	current := x.current(rev)
	x.mu.RUnlock()
	if current {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.current(rev) {
		return nil
	}
	return x.load(tx, rev)
}

func (x *Index) current(rev int64) bool { return x.rev >= rev && x.banks != nil }

func (x *Index) load(tx *store.Tx, rev int64) error {
	all, err := banks(tx, "")
	if err != nil {
		return err
	}
	x.banks = map[houvast.BankID]Bank{}
	for _, b := range all {
		x.banks[b.ID] = b
	}
	if x.md5 == nil {
		x.md5, x.sha1, x.sha256 = map[[16]byte][]int32{}, map[[20]byte][]int32{}, map[[32]byte][]int32{}
	}
	err = since(tx, x.rev, x.add)
	for i := range x.near {
		x.near[i].settle()
	}
	if err != nil { // half a change must not be counted twice: begin again next time
		x.rev, x.banks, x.entries, x.near = 0, nil, nil, [3]shelf{}
		x.md5, x.sha1, x.sha256 = nil, nil, nil
		return err
	}
	x.rev = rev
	return nil
}

// Lookup returns the entries that an item meets, one match an entry by its strongest hash, best
// first, at most maxMatches. It follows the table first, so that it is never behind tx. It may be
// ahead; an entry that tx does not see yet is Unavailable and not left out: a new transaction sees it.
func (x *Index) Lookup(tx *store.Tx, p Probes) ([]houvast.Match, error) {
	if err := x.Refresh(tx); err != nil {
		return nil, err
	}
	x.mu.RLock()
	found := map[int32]houvast.Match{}
	x.digests(p.Digests, found)
	if p.Perceptual != nil {
		x.perceptual(p.Perceptual, found)
	}
	matches := make([]houvast.Match, 0, len(found))
	for at, m := range found {
		b := x.banks[x.entries[at].bank]
		if b.Disabled {
			continue
		}
		m.Entry, m.Bank, m.BankName, m.Category, m.Trust = x.entries[at].id, b.ID, b.Name, b.Category, b.Trust
		matches = append(matches, m)
	}
	x.mu.RUnlock()
	slices.SortFunc(matches, better)
	if len(matches) > maxMatches {
		matches = matches[:maxMatches]
	}
	for i := range matches {
		err := details(tx, &matches[i])
		if houvast.KindOf(err) == houvast.NotFound {
			err = houvast.Errorf("bank.Lookup", houvast.Unavailable, "bank-changed", "the banks changed during the look-up").
				WithHint("ask again")
		}
		if err != nil {
			return nil, err
		}
	}
	return matches, nil
}
