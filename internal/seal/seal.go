// Package seal keeps what Houvast stores unreadable to whoever takes a disk, and makes it
// unreadable to everybody once a key is destroyed.
//
// # Nouns
//
// A Keyring is one directory, beside the data directory and never inside it or its backup. The
// KEK is 32 random bytes in the file kek there (mode 0400); it wraps everything else. An object
// key is 32 random bytes named by a KeyID, wrapped in keys.db, the key of one object or of one
// hour of quarantine. A secret is a named value that is made once and found again (signing keys,
// a pepper). A mark is a small named value that must survive on its own, outside the main database.
//
// # States of an object key
//
// live -> destroyed, and never back. A destroyed key leaves its id, purpose and the two times
// behind, so that Gone can be told apart from a keyring that belongs to another installation.
//
// # Promises
//
//   - NewKey, HourKey, Secret, SetMark and Destroy are durable when they return.
//   - After Destroy returned, no byte of the wrapped key is left in keys.db or its journal, nor in
//     the blocks below them on a file system that overwrites in place.
//   - An envelope that was changed or cut is Corrupt, never shorter or other plaintext that ends
//     in io.EOF. Plaintext goes through memory only.
//   - A KEK is made only for an empty keyring. One that is missing, readable by others, too short
//     or of another keyring is an error that names the remedy.
//   - After a failed fsync nothing is written any more: the kernel may have dropped the page.
//   - One process holds a keyring at a time.
//
// # Why the journal is overwritten
//
// With secure_delete no journal mode leaves a destroyed key in the files. But WAL and TRUNCATE leave
// every one of them in freed blocks of the device, because a journal that shrinks gives its blocks
// back unwritten (TestDestroyLeavesNothingOnTheDevice counts them on ext4). So the journal is
// PERSIST, it keeps its blocks, and every Destroy fills it with zeros before it returns, for one
// fsync more: none is left. A journal whose header is zero is not hot, so SQLite starts it anew.
// Opening a keyring does the same, for a process that was killed in between. WAL would save two
// fsyncs a commit; that is not worth the promise.
//
// What this does not reach: file systems that copy on write, snapshots, an SSD's spare blocks, and
// whoever copied the directory earlier. Such a copy still opens what was sealed before.
//
// # Formats
//
// Wrapping is XChaCha20-Poly1305 with a random nonce; the additional data names what is wrapped
// and for what, so that no row can stand in for another. An envelope is the byte 1 and an age file
// (age-encryption.org/v1) with one stanza "houvast <key id>"; its header has one fixed length, so
// reading it is bounded. age binds no context: the caller keeps the digest of the plaintext.
package seal

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"sync/atomic"

	"github.com/houvast/houvast"
)

// A Keyring holds the keys of one installation. It is safe for concurrent use.
type Keyring struct {
	dir   string
	clock houvast.Clock
	kek   [keySize]byte
	db    *sql.DB
	lock  *os.File
	fresh bool
	knobs knobs
	cache cache

	mu     sync.Mutex // held over a write and the wipe after it: the journal must be idle then
	failed atomic.Pointer[houvast.Error]
}

// knobs are what the controls of the tests turn off.
type knobs struct {
	journal      string                 // PRAGMA journal_mode
	secureDelete string                 // PRAGMA secure_delete
	wipe         bool                   // overwrite the journal after a destroy
	sync         func(f *os.File) error // fsync of files and directories that SQLite does not write
	wiping       func(k *Keyring)       // called before the journal is overwritten; nil in production
}

func production() knobs {
	return knobs{journal: "PERSIST", secureDelete: "ON", wipe: true, sync: (*os.File).Sync}
}

// Open opens the keyring in dir and takes its lock; an empty or missing dir (its parent must
// exist) becomes a new keyring. The caller closes it.
//
// Errors: Unavailable "keys-in-use" when another process holds it, "kek-missing" when keys.db has
// keys but the KEK is not there; Forbidden "kek-readable" and "keys-not-writable"; Corrupt
// "kek-length", "kek-mismatch" and "keys-corrupt"; Unsupported "keys-newer".
func Open(ctx context.Context, dir string, clock houvast.Clock) (*Keyring, error) {
	return open(ctx, dir, clock, production())
}

func open(ctx context.Context, dir string, clock houvast.Clock, kn knobs) (_ *Keyring, err error) {
	const op = "seal.Open"
	k := &Keyring{dir: dir, clock: clock, knobs: kn}
	k.cache.init(clock)
	defer func() {
		if err != nil {
			k.Close()
		}
	}()
	if err := k.makeDir(); err != nil {
		return nil, houvast.Wrap(op, err)
	}
	if err := k.takeLock(); err != nil {
		return nil, houvast.Wrap(op, err)
	}
	exists, err := k.loadKEK()
	if err != nil {
		return nil, houvast.Wrap(op, err)
	}
	if err := k.openDB(ctx, exists); err != nil {
		return nil, houvast.Wrap(op, err)
	}
	return k, nil
}

// Fresh reports whether Open made this keyring. Whoever finds sealed rows in the main database
// beside a fresh keyring has the wrong key directory and must not go on.
func (k *Keyring) Fresh() bool { return k.fresh }

// Failed returns why the keyring no longer writes, nil while it does. It never recovers: the
// process has to start again.
func (k *Keyring) Failed() error {
	if f := k.failed.Load(); f != nil {
		return f
	}
	return nil
}

// Close releases the lock and forgets the keys. Every later call that needs keys.db is an error.
func (k *Keyring) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	if k.db != nil {
		err = k.db.Close() // before the KEK goes: nothing may be wrapped under zeros
	}
	if k.lock != nil {
		k.lock.Close()
		k.lock = nil
	}
	clear(k.kek[:])
	k.cache.clear()
	return houvast.Wrap("seal.Close", err)
}
