package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooler starts a PgBouncer in front of the server, in transaction mode, and
// returns the URL of the database for a role through it. It ends with the test.
func (s *Server) Pooler(t *testing.T, role string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		const hint = "no PgBouncer here: apt-get install pgbouncer, or run deploy/test-packages.sh"
		if os.Getenv("CI") == "true" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	port := freePort(t)
	dir := filepath.Dir(s.sockets)
	config, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users")
	must(t, os.WriteFile(users, fmt.Appendf(nil, "%q \"\"\n", role), 0o644))
	must(t, os.WriteFile(config, fmt.Appendf(nil, `[databases]
postgres = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
`, s.sockets, s.port, port, users), 0o644))
	c := exec.Command(bin, config)
	c.SysProcAttr, c.Dir = s.as, "/"
	var log strings.Builder
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	url := fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?sslmode=disable", role, port)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			must(t, conn.Close(ctx))
			return url
		}
		if ctx.Err() != nil {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
