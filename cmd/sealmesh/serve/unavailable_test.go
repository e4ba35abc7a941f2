package serve

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// An unavailable KEK does not stop the start while its key has a quorum. It is
// reported; when it is available again its key uses it, and other keys do not
// notice.
func TestStartWithAnUnavailableKEK(t *testing.T) {
	k := cmdtest.NewKMS(t)
	cmdtest.SetAWSEnv(t)
	must(t, k.Proxy.Disable())
	var logs bytes.Buffer
	r := newReloader(t, cmdtest.TwoKEKs(t, k.URI, ", quorum: 1"), slog.New(slog.NewJSONHandler(&logs, nil)))
	see(t, r, "/metrics", `sealmesh_keks_unavailable{key="main"} 1`, true)
	see(t, r, "/readyz", "ready\nkey main: 1 KEK unavailable\n", true)
	see(t, r, "/keys", `"last_operation": "open"`, true)
	if !strings.Contains(logs.String(), `"level":"ERROR","msg":"KEK unavailable`) {
		t.Errorf("log: %s", &logs)
	}

	r.retryUnavailable(t.Context()) // in vain
	see(t, r, "/metrics", `sealmesh_keks_unavailable{key="main"} 1`, true)
	must(t, k.Proxy.Enable())
	other := callsOf(r.current, "other")
	r.retryUnavailable(t.Context())
	see(t, r, "/metrics", `sealmesh_keks_unavailable{key="main"} 0`, true)
	see(t, r, "/readyz", "unavailable", false)
	see(t, r, "/keys", `"wraps": 2`, true)
	see(t, r, "/keys", `"last_verified_at"`, true)
	see(t, r, "/keys", `"revocation": "a KEK that is disabled, deleted or denied stops the key within 5m0s`, true)
	if n := callsOf(r.current, "other"); n != other {
		t.Errorf("%d calls for another key", n-other)
	}
	if !strings.Contains(logs.String(), `"msg":"a KEK is available again"`) {
		t.Errorf("log: %s", &logs)
	}
}

// A KEK is unavailable because Vault refused its secret id: it is retried every
// half minute, and the secret id is not sent again, which would lock the role.
func TestRefusedLoginIsNotTriedAgain(t *testing.T) {
	s := transitfake.Start()
	t.Cleanup(s.Close)
	s.AllowLogin(transitfake.Login{Method: "approle", Role: "sealmesh", Secret: "right", Caps: []string{"*"}})
	s.CreateKey("customers", transitfake.Key{})
	dir := t.TempDir()
	ca, err := s.WriteCA(dir)
	must(t, err)
	secret := filepath.Join(dir, "secret-id")
	must(t, os.WriteFile(secret, []byte("wrong"), 0o600))
	uri := "transit://" + s.Host() + "/transit/customers?auth=approle&role=sealmesh&secret-id-file=" + secret + "&ca-file=" + ca
	r := newReloader(t, cmdtest.TwoKEKs(t, uri, ", quorum: 1"), slog.New(slog.DiscardHandler))
	for range 3 {
		r.retryUnavailable(t.Context())
	}
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests with a secret id that was refused, want 1", n)
	}
	must(t, os.WriteFile(secret, []byte("right"), 0o600))
	r.retryUnavailable(t.Context())
	if unavailable := r.current.keysOf(r.server.Runtime().Policy())[0].Unavailable; len(unavailable) != 0 {
		t.Errorf("with a new secret id: %v", unavailable)
	}
}
