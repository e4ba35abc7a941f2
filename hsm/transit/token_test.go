package transit

import (
	"os"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// TestTokenReplaced: an agent that replaces the file is followed at once, and a
// token that is refused is looked for again.
func TestTokenReplaced(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri("customers"))
	wrapped := hsmtest.Wrap(t, p)
	r.Allow("hvs.second", "*")
	r.writeToken(t, "hvs.second")
	r.Revoke(transitfake.Root)
	r.Requests()
	if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
		t.Fatal(err)
	}
	if log := r.Requests(); len(log) != 1 || log[0].Token != "hvs.second" {
		t.Errorf("requests %+v, want one with the new token", log)
	}
	r.Revoke("hvs.second")
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "invalid token", "expired or revoked")
	if log := r.Requests(); len(log) != 1 {
		t.Errorf("%d requests with a token that was refused, want 1", len(log))
	}
	if err := os.Remove(r.token); err != nil {
		t.Fatal(err)
	}
	// An agent that restarts is no revocation.
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "token")
}

func TestTokenFiles(t *testing.T) {
	isolate(t)
	r := startFake(t)
	for name, text := range map[string]string{"empty": "", "lines": "hvs.secret-canary\nsecond", "binary": "hvs.secret-canary\x00", "large": strings.Repeat("x", 70<<10)} {
		r.writeToken(t, text)
		_, err := Open(t.Context(), r.uri("customers"))
		if e := hsmtest.WantError(t, err, hsm.Misconfigured); strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %q shows the token", name, e)
		}
	}
	_, err := Open(t.Context(), r.uri("customers", "token-file", t.TempDir()))
	hsmtest.WantError(t, err, hsm.Misconfigured)
}
