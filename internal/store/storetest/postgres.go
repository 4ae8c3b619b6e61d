package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/store"
)

// templates are the migrated databases that fresh ones are copied from, made once per process.
var templates template

type template struct {
	mu   sync.Mutex
	dir  string // temporary files of this process
	lite string // migrated SQLite file, "" until made
	pg   bool   // whether the PostgreSQL template exists
	n    int    // PostgreSQL databases made
}

func (m *template) folder() (string, error) {
	if m.dir != "" {
		return m.dir, nil
	}
	dir, err := os.MkdirTemp("", "houvast-test-")
	m.dir = dir
	return dir, err
}

// sqlite returns the path of a migrated SQLite file that nobody has open.
func (m *template) sqlite(t *testing.T) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lite != "" {
		return m.lite
	}
	dir, err := m.folder()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "template.db")
	db, err := store.Open(context.Background(), store.Config{Path: path, Clock: templateClock()})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m.lite = path
	return path
}

// postgres returns the address of a new database made from the migrated template.
func (m *template) postgres(t *testing.T) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if server == nil {
		dir, err := m.folder()
		if err != nil {
			t.Fatal(err)
		}
		if server, err = startPostgres(dir); err != nil {
			t.Fatalf("PostgreSQL is installed but does not start: %v", err)
		}
	}
	if !m.pg {
		server.create(t, "template_houvast", "")
		db, err := store.Open(context.Background(), store.Config{URL: server.url("template_houvast"), Clock: templateClock()})
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		m.pg = true
	}
	m.n++
	name := fmt.Sprintf("test_%d", m.n)
	server.create(t, name, "template_houvast")
	return server.url(name)
}

// URL returns the address of a fresh, empty PostgreSQL database on the server of this process.
func URL(t *testing.T) string { return templates.postgres(t) }

// binaries returns the folder of PostgreSQL's server programs, where Debian puts them, or "".
func binaries() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func havePostgres() bool { return binaries() != "" }

// A postgres is a server that this process started.
type postgres struct {
	cmd  *exec.Cmd
	port int
	dir  string
	db   *sql.DB
}

// startPostgres makes a cluster below dir and starts its server on a free port of the loopback.
func startPostgres(dir string) (*postgres, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &postgres{port: ln.Addr().(*net.TCPAddr).Port, dir: filepath.Join(dir, "pg")}
	ln.Close()
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	var attr syscall.SysProcAttr
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(p.dir, uid, gid); err != nil {
			return nil, err
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(p.dir, "data")
	mk := exec.Command(filepath.Join(binaries(), "initdb"), "-D", data, "-U", "houvast", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	mk.SysProcAttr, mk.Dir = &attr, p.dir
	if out, err := mk.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	serve := attr
	serve.Pdeathsig = syscall.SIGQUIT // ends with us, however we end
	p.cmd = exec.Command(filepath.Join(binaries(), "postgres"), "-D", data, "-k", p.dir, "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "fsync=off", "-c", "full_page_writes=off")
	p.cmd.SysProcAttr, p.cmd.Dir = &serve, p.dir
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if p.db, err = sql.Open("pgx", p.url("postgres")); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if err = p.db.Ping(); err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("no answer after 30 s: %w", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (p *postgres) url(name string) string {
	return fmt.Sprintf("postgres://houvast@127.0.0.1:%d/%s?sslmode=disable", p.port, name)
}

func (p *postgres) create(t *testing.T, name, from string) {
	t.Helper()
	q := "CREATE DATABASE " + name
	if from != "" {
		q += " TEMPLATE " + from
	}
	if _, err := p.db.Exec(q); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) stop() {
	if p == nil {
		return
	}
	p.db.Close()
	p.cmd.Process.Signal(syscall.SIGQUIT)
	p.cmd.Wait()
}

// templateClock stands before any clock that a test may want: law time starts at the template's mark.
func templateClock() *Clock { return NewClock(time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC)) }
