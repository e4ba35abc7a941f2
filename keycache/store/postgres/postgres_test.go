package postgres_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/postgres"
	"github.com/sealmesh/sealmesh/keycache/store/storetest"
)

// A server is a PostgreSQL of its own, on a Unix socket.
type server struct {
	bin, data, sockets string
	as                 *syscall.SysProcAttr
	cmd                *exec.Cmd
}

// binaries finds PostgreSQL, or ends the test.
func binaries(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		const hint = "no PostgreSQL here: apt-get install postgresql, or run deploy/test-packages.sh"
		if os.Getenv("CI") == "true" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	return filepath.Dir(found[len(found)-1])
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{bin: binaries(t), as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	root, err := os.MkdirTemp("", "pg") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	s.data, s.sockets = filepath.Join(root, "data"), filepath.Join(root, "s")
	for _, d := range []string{s.data, s.sockets} {
		must(t, os.Mkdir(d, 0o700))
	}
	if os.Geteuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("nobody")
		must(t, err)
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, d := range []string{root, s.data, s.sockets} {
			must(t, os.Chown(d, uid, gid))
		}
	}
	init := s.command("initdb", "-D", s.data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.start(t)
	t.Cleanup(func() { s.stop(t) })
	s.exec(t, postgres.Schema+"CREATE ROLE sealmesh LOGIN; GRANT SELECT, INSERT ON sealmesh_data_keys TO sealmesh; CREATE ROLE stranger LOGIN; "+
		"CREATE ROLE rewrapper LOGIN; GRANT SELECT, INSERT, UPDATE (record) ON sealmesh_data_keys TO rewrapper;")
	return s
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.SysProcAttr, c.Dir = s.as, "/"
	return c
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.cmd = s.command("postgres", "-D", s.data, "-k", s.sockets, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off")
	must(t, s.cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.url("owner"))
		if err == nil {
			must(t, c.Close(ctx))
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT) // at once, and properly
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *server) url(role string) string {
	return "postgres://" + role + "@/postgres?host=" + s.sockets
}

func (s *server) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.url("owner"))
	must(t, err)
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql, args...)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *postgres.DB {
	t.Helper()
	d, err := postgres.Open(t.Context(), url)
	must(t, err)
	return d
}

func TestStore(t *testing.T) {
	s := newServer(t)
	storetest.Run(t, storetest.Rig{
		Open: func(t *testing.T) store.Store { return open(t, s.url("rewrapper")) },
		Damage: func(t *testing.T, id envelope.KeyID, _ store.Slot, b []byte) {
			if b == nil {
				s.exec(t, "UPDATE sealmesh_data_keys SET record = substr(record, 1, length(record) - 1) WHERE id = $1", id[:])
				return
			}
			s.exec(t, "UPDATE sealmesh_data_keys SET record = $2 WHERE id = $1", id[:], b)
		},
	})
	t.Run("CannotReplace", func(t *testing.T) { cannotReplace(t, s) })
	t.Run("Pages", func(t *testing.T) { pages(t, s) })
	t.Run("Refused", func(t *testing.T) { refused(t, s) })
	t.Run("Away", func(t *testing.T) { away(t, s) })
}

// refused: what only an operator can mend says so, and shows no password.
func refused(t *testing.T, s *server) {
	for _, url := range []string{s.url("stranger"), s.url("nobody-of-that-name"), strings.Replace(s.url("sealmesh"), "/postgres", "/template1", 1)} {
		d := open(t, url)
		_, err := d.Get(t.Context(), envelope.KeyID{})
		if !errors.Is(err, store.ErrMisconfigured) {
			t.Errorf("%s: %v", url, err)
		}
		must(t, d.Close())
	}
	if _, err := postgres.Open(t.Context(), "postgres://me:hunter2@host:port/x"); !errors.Is(err, store.ErrMisconfigured) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// cannotReplace: the role of the processes that seal changes no record, and its error says what is missing.
func cannotReplace(t *testing.T, s *server) {
	d := open(t, s.url("sealmesh"))
	defer d.Close()
	r := storetest.NewRecord(t, 1, 184)
	_, err := d.Put(t.Context(), r)
	must(t, err)
	next := storetest.NewRecord(t, 1, 184)
	next.Commitment = r.Commitment
	if _, err = d.Replace(t.Context(), r, next); !errors.Is(err, store.ErrMisconfigured) || !strings.Contains(err.Error(), "UPDATE") {
		t.Errorf("error %v", err)
	}
	if got, err := d.Get(t.Context(), r.KeyID()); err != nil || string(got.Wraps[0].Wrapped) != string(r.Wraps[0].Wrapped) {
		t.Errorf("after that: %v", err)
	}
}

// pages: a scan finds every record of many pages once.
func pages(t *testing.T, s *server) {
	s.exec(t, "TRUNCATE sealmesh_data_keys")
	d := open(t, s.url("sealmesh"))
	defer d.Close()
	const records = 1203 // two pages and a part of one
	s.exec(t, `INSERT INTO sealmesh_data_keys (id, slot, record)
		SELECT c16, c16, '\x01' || c16 || c16 || '\x01c8000000000001' || '\x78'
		FROM (SELECT decode(md5(i::text), 'hex') c16 FROM generate_series(1, $1) i) t`, records)
	seen := map[envelope.KeyID]bool{}
	for r, err := range d.All(t.Context()) {
		must(t, err)
		seen[r.KeyID()] = true
	}
	if len(seen) != records {
		t.Errorf("%d records, want %d", len(seen), records)
	}
}

// away: an outage is none of the other errors, and once it is over all is as before.
func away(t *testing.T, s *server) {
	d := open(t, s.url("sealmesh"))
	defer d.Close()
	r := storetest.NewRecord(t, 1, 184)
	_, err := d.Claim(t.Context(), storetest.NewSlot(), r)
	must(t, err)
	s.stop(t)
	_, err = d.Get(t.Context(), r.KeyID())
	for _, wrong := range []error{nil, store.ErrNotFound, store.ErrCorrupt, store.ErrMisconfigured} {
		if errors.Is(err, wrong) {
			t.Errorf("while it is away: %v", err)
		}
	}
	s.start(t)
	if got, err := d.Get(t.Context(), r.KeyID()); err != nil || got.Commitment != r.Commitment {
		t.Errorf("after it came back: %v", err)
	}
}
