// Package postgrestest runs a PostgreSQL with the table of package postgres,
// for tests.
package postgrestest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sealmesh/sealmesh/keycache/store/postgres"
)

const startTimeout = 30 * time.Second

// A Server is a PostgreSQL on a Unix socket and a port of 127.0.0.1. It commits
// durably only if a statement asks for it. Its roles are owner; sealmesh, with
// the permissions of a sidecar; rewrapper, which may also replace records; and
// stranger, which has no permission.
type Server struct {
	bin, data, sockets string
	port               int
	as                 *syscall.SysProcAttr
	cmd                *exec.Cmd
	gone               chan struct{}
}

// Start returns a server that ends with the test. If PostgreSQL is not
// installed it skips the test, except in CI.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{bin: binaries(t), as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	root, err := os.MkdirTemp("", "pg") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	s.data, s.sockets = filepath.Join(root, "data"), filepath.Join(root, "s")
	for _, d := range []string{s.data, s.sockets} {
		must(t, os.Mkdir(d, 0o700))
	}
	if os.Geteuid() == 0 {
		s.dropRoot(t, root, s.data, s.sockets)
	}
	init := s.command("initdb", "-D", s.data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	s.Exec(t, postgres.Schema+`
		CREATE ROLE sealmesh LOGIN; GRANT SELECT, INSERT ON sealmesh_data_keys TO sealmesh;
		CREATE ROLE rewrapper LOGIN; GRANT SELECT, INSERT, UPDATE (record) ON sealmesh_data_keys TO rewrapper;
		CREATE ROLE stranger LOGIN;`)
	return s
}

// binaries finds PostgreSQL, or ends the test.
func binaries(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts PostgreSQL")
	}
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

// dropRoot gives the folders to nobody, as whom the server then runs: it
// refuses to run as root.
func (s *Server) dropRoot(t *testing.T, folders ...string) {
	t.Helper()
	u, err := user.Lookup("nobody")
	must(t, err)
	uid, err := strconv.Atoi(u.Uid)
	must(t, err)
	gid, err := strconv.Atoi(u.Gid)
	must(t, err)
	s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, d := range folders {
		must(t, os.Chown(d, uid, gid))
	}
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.SysProcAttr, c.Dir = s.as, "/"
	return c
}

// Start restarts the server. It keeps its port unless another process has taken
// it.
func (s *Server) Start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		if s.port == 0 {
			s.port = freePort(t)
		}
		s.cmd = s.command("postgres", "-D", s.data, "-k", s.sockets, "-p", strconv.Itoa(s.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "synchronous_commit=off")
		must(t, s.cmd.Start())
		cmd, gone := s.cmd, make(chan struct{})
		go func() { _ = cmd.Wait(); close(gone) }()
		if s.gone = gone; s.answers(ctx, &err) {
			return
		}
		if portTaken(s.port) {
			s.port = 0
		}
	}
	t.Fatalf("PostgreSQL does not start: %v", err)
}

// answers waits until the server accepts connections. It reports false if the
// server ended: leftovers of a killed server may block it for a moment.
func (s *Server) answers(ctx context.Context, err *error) bool {
	for {
		var c *pgx.Conn
		if c, *err = pgx.Connect(ctx, s.URL("owner")); *err == nil {
			*err = c.Close(ctx)
			return true
		}
		select {
		case <-s.gone:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().(*net.TCPAddr).Port
}

func portTaken(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err != nil || l.Close() != nil
}

// Stop stops the server at once and cleanly.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	s.end(syscall.SIGINT)
}

// Kill kills the server, as a crash would. It is safe for concurrent use.
func (s *Server) Kill(t *testing.T) {
	t.Helper()
	s.end(syscall.SIGKILL)
}

func (s *Server) end(signal syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(signal)
	<-s.gone
}

// URL returns the URL of the database for a role, through the Unix socket.
func (s *Server) URL(role string) string {
	return fmt.Sprintf("postgres://%s@/postgres?host=%s&port=%d", role, s.sockets, s.port)
}

// Address returns the host:port of the server.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Exec runs SQL as the owner.
func (s *Server) Exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.URL("owner"))
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
