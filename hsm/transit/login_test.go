package transit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// A loginRig is a server with one role, and the file of the role's secret.
type loginRig struct {
	rig
	file string
	uri  string
}

func startLogin(t *testing.T, l transitfake.Login) loginRig {
	t.Helper()
	isolate(t)
	r := loginRig{rig: startFake(t), file: filepath.Join(t.TempDir(), "secret")}
	l.Role, l.Caps = "sealmesh", []string{"*"}
	if l.Secret == "" && l.Method != "cert" {
		l.Secret = "first-secret"
	}
	r.AllowLogin(l)
	r.write(t, l.Secret)
	options := []string{"token-file", "", "auth", l.Method, "role", l.Role}
	if l.Method == "cert" {
		cert := strangeCA(t)
		options = append(options, "cert-file", cert, "key-file", strings.TrimSuffix(cert, "ca.pem")+"key.pem")
	} else {
		options = append(options, methods[l.Method].option, r.file)
	}
	r.uri = r.rig.uri("customers", options...)
	return r
}

func (r loginRig) write(t *testing.T, secret string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

// direct opens the KEK without a network, so that time can be virtual, and
// without a request.
func (r loginRig) direct(t *testing.T) *Provider {
	t.Helper()
	s, err := parseURI(r.uri)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.provider(new(Logins))
	if err != nil {
		t.Fatal(err)
	}
	p.client.http.Transport = sender{guardtest.Direct{Handler: r.Server}}
	return p
}

func logins(log []transitfake.Request) (n int) {
	for _, r := range log {
		if strings.HasSuffix(r.Path, "/login") {
			n++
		}
	}
	return n
}

// TestLogin: each method logs in at the start, again when the token was
// revoked, and not otherwise.
func TestLogin(t *testing.T) {
	for method := range methods {
		t.Run(method, func(t *testing.T) {
			r := startLogin(t, transitfake.Login{Method: method, Lease: 3600})
			p := mustOpen(t, r.uri)
			wrapped := hsmtest.Wrap(t, p)
			if n := logins(r.Requests()); n != 1 {
				t.Errorf("%d logins, want 1", n)
			}
			r.Revoke("hvs.login-1")
			p.client.credential.login.made = time.Now().Add(-minTokenAge) // as if some time had passed
			if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
				t.Fatal(err)
			}
			if n := logins(r.Requests()); n != 1 {
				t.Errorf("%d logins after the token was revoked, want 1", n)
			}
		})
	}
}

// TestLoginRefused: a secret that Vault refused is sent once, by one process,
// until it changes or minutes have passed: each login may burn a use of the
// secret id, and five that are refused lock the role.
func TestLoginRefused(t *testing.T) {
	for method := range methods {
		if method == "cert" {
			continue // its secret is TLS's
		}
		t.Run(method, func(t *testing.T) {
			r := startLogin(t, transitfake.Login{Method: method, Lease: 3600})
			r.write(t, "wrong-secret-canary")
			_, err := Open(t.Context(), r.uri)
			if e := hsmtest.WantError(t, err, hsm.Unclear); strings.Contains(e.Error(), "canary") || e.Operation != opLogin {
				t.Errorf("a refused login: %q", e)
			}
			if n := len(r.Requests()); n != 1 {
				t.Errorf("%d requests at the start, want one login", n)
			}
			synctest.Test(t, func(t *testing.T) {
				p := r.direct(t)
				defer p.Close()
				ask := func(class hsm.Class, want int) {
					t.Helper()
					for range 10 {
						_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
						if (class == 0) != (err == nil) || err != nil && hsm.ClassOf(err) != class {
							t.Fatalf("got %v, want class %v", err, class)
						}
					}
					if n := logins(r.Requests()); n != want {
						t.Errorf("%d logins, want %d", n, want)
					}
				}
				ask(hsm.Unclear, 1)
				time.Sleep(refusedFor)
				ask(hsm.Unclear, 1)
				r.write(t, "first-secret")
				ask(0, 1)
			})
		})
	}
}

// TestForbiddenLogsInOnce: a token whose policies forbid a request is not
// replaced.
func TestForbiddenLogsInOnce(t *testing.T) {
	r := startLogin(t, transitfake.Login{Method: "approle", Uses: 1})
	p := mustOpen(t, r.uri)
	r.Allow("hvs.login-1", "read transit/keys/customers")
	r.Requests()
	for range 3 {
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		hsmtest.WantError(t, err, hsm.Denied, "permission denied")
	}
	if n := logins(r.Requests()); n != 0 {
		t.Errorf("%d logins for what no login changes", n)
	}
}

// TestFreshTokenUnknown: a token that a node has not heard of yet is no reason
// to log in again with every request.
func TestFreshTokenUnknown(t *testing.T) {
	r := startLogin(t, transitfake.Login{Method: "approle"})
	synctest.Test(t, func(t *testing.T) {
		p := r.direct(t)
		defer p.Close()
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
			t.Fatal(err)
		}
		r.Revoke("hvs.login-1")
		r.Requests()
		for range 5 {
			_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
			hsmtest.WantError(t, err, hsm.Unclear, "invalid token")
		}
		if n := logins(r.Requests()); n != 0 {
			t.Errorf("%d logins within seconds of the first", n)
		}
		time.Sleep(minTokenAge)
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
			t.Error(err)
		}
	})
}

// TestLoginsShared: KEKs of one role log in once, and are refused once.
func TestLoginsShared(t *testing.T) {
	r := startLogin(t, transitfake.Login{Method: "approle", Uses: 1})
	var logins Logins
	for range 6 { // the secret id serves for one login
		p, err := logins.Open(t.Context(), r.uri)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
	}
	_, err := logins.Open(t.Context(), r.uri+"&auth-mount=elsewhere")
	hsmtest.WantError(t, err, hsm.Unclear)
	r.Requests()
	r.write(t, "wrong-secret")
	var others Logins
	for range 6 {
		_, err := others.Open(t.Context(), r.uri)
		hsmtest.WantError(t, err, hsm.Unclear, "invalid role or secret ID")
	}
	if n := len(r.Requests()); n != 1 {
		t.Errorf("%d requests for six KEKs whose role was refused, want one login", n)
	}
}
