package serve

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
)

// A store that refuses from the start is used by nobody, and says so to
// everybody: data keys go inline meanwhile, which is longer than the columns
// may be.
func TestStartWithAStoreThatRefuses(t *testing.T) {
	// What a pooler answers that reaches no server, or takes no start-up
	// parameter.
	pooler := refusingPostgres(t, "08P01", "unsupported startup parameter")
	config := cmdtest.OneKey(t, "local:kek", `, store: "postgres://sealmesh@`+pooler+`/keys?sslmode=disable"`)
	var logs bytes.Buffer
	r := newReloader(t, config, slog.New(slog.NewJSONHandler(&logs, nil)))
	for path, want := range map[string]string{
		"/metrics": `sealmesh_store_unavailable{key="main"} 1`,
		"/readyz":  "key main: its store is unavailable",
		"/keys":    "unsupported startup parameter",
	} {
		see(t, r, path, want, true)
	}
	if !strings.Contains(logs.String(), `"level":"ERROR","msg":"the store of a key is unavailable"`) || !strings.Contains(logs.String(), "unsupported startup parameter") {
		t.Errorf("log: %s", &logs)
	}
}

// refusingPostgres answers every connection with one error, and returns its
// address.
func refusingPostgres(t *testing.T, sqlstate, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024)) // the start-up message
			b, _ := (&pgproto3.ErrorResponse{Severity: "FATAL", Code: sqlstate, Message: text}).Encode(nil)
			_, _ = c.Write(b)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
