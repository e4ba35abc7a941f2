package transit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// TestTokenReplaced: an agent that replaces the file is followed at once, and a
// token that is refused is looked for anew.
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
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Denied, "invalid token", "expired or revoked")
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

// TestLogin: both methods log in at the start, again when the token was
// revoked, and not otherwise.
func TestLogin(t *testing.T) {
	isolate(t)
	for _, method := range []string{"kubernetes", "approle"} {
		t.Run(method, func(t *testing.T) {
			r := startFake(t)
			file := filepath.Join(t.TempDir(), "secret")
			write := func(text string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("first-secret")
			login := transitfake.Login{Method: method, Role: "sealmesh", Secret: "first-secret", Lease: 3600, Caps: []string{"*"}}
			r.AllowLogin(login)
			option := map[string]string{"kubernetes": "jwt-file", "approle": "secret-id-file"}[method]
			uri := r.uri("customers", "token-file", "", "auth", method, "role", "sealmesh", option, file)
			p := mustOpen(t, uri)
			wrapped := hsmtest.Wrap(t, p)
			if n := logins(r.Requests()); n != 1 {
				t.Errorf("%d logins, want 1", n)
			}
			r.Revoke("hvs.login-1")
			login.Secret = "second-secret"
			r.AllowLogin(login)
			write("second-secret")
			if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
				t.Fatal(err)
			}
			if n := logins(r.Requests()); n != 1 {
				t.Errorf("%d logins after the token was revoked, want 1", n)
			}
			write("wrong-secret-canary")
			_, err := Open(t.Context(), uri)
			if e := hsmtest.WantError(t, err, hsm.Denied); strings.Contains(e.Error(), "canary") || e.Operation != "login" {
				t.Errorf("a refused login: %q", e)
			}
		})
	}
}

func logins(log []transitfake.Request) (n int) {
	for _, r := range log {
		if strings.HasSuffix(r.Path, "/login") {
			n++
		}
	}
	return n
}
