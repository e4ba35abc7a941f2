package transitfake

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// token is what the server knows of one.
type token struct {
	caps  []string  // "update transit/encrypt/k", or "*"
	until time.Time // zero: for ever
	last  time.Time // which no renewal goes beyond; zero: none does
	lease time.Duration
}

// known returns the token of a request, or nil.
func (s *Server) known(name string) *token {
	t := s.tokens[name]
	if t == nil || !t.until.IsZero() && !time.Now().Before(t.until) {
		return nil
	}
	return t
}

func (s *Server) authorise(r *http.Request, path string) *refusal {
	name := r.Header.Get("X-Vault-Token")
	t := s.known(name)
	switch {
	case name == "":
		return refuse(403, "permission denied")
	case t == nil:
		return refuse(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	want := "update " + path
	if r.Method == http.MethodGet {
		want = "read " + path
	}
	if !slices.Contains(t.caps, want) && !slices.Contains(t.caps, "*") {
		return oneError(403, "permission denied")
	}
	return nil
}

// renew prolongs a token by its lease, up to its end.
func (s *Server) renew(r *http.Request) (map[string]any, *refusal) {
	name := r.Header.Get("X-Vault-Token")
	t := s.known(name)
	if t == nil {
		return nil, refuse(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	t.renew()
	return map[string]any{"auth": t.auth(name)}, nil
}

func (t *token) renew() {
	if t.lease == 0 {
		return
	}
	t.until = time.Now().Add(t.lease)
	if !t.last.IsZero() && t.until.After(t.last) {
		t.until = t.last
	}
}

func (t *token) auth(name string) map[string]any {
	left := 0
	if !t.until.IsZero() {
		left = int(time.Until(t.until).Round(time.Second) / time.Second)
	}
	return map[string]any{"client_token": name, "lease_duration": left, "renewable": t.lease > 0}
}

// A Login is a role that a client may log in as.
type Login struct {
	Method  string // "approle", "kubernetes", "jwt" or "cert"
	Role    string
	Secret  string   // the secret id, or the token; of a certificate, its common name
	Lease   int      // seconds; 0 is for ever
	MaxTTL  int      // seconds, beyond which nothing is renewed; 0 is never
	Uses    int      // of an AppRole's secret id; 0 is any number
	Caps    []string // of the tokens it gives
	used    int
	refused int
}

// lockedAt is how many refused logins lock a role, as Vault's default does.
const lockedAt = 5

// AllowLogin adds a role, at its method's usual mount.
func (s *Server) AllowLogin(l Login) {
	s.Do(func() { s.logins["auth/"+l.Method+"/login"] = &l })
}

func (s *Server) logIn(r *http.Request, path string, fields map[string]any) (map[string]any, *refusal) {
	if s.LoginFails {
		return nil, oneError(500, "internal error")
	}
	l := s.logins[path]
	if l == nil || r.Method != http.MethodPost || l.refused >= lockedAt {
		return nil, oneError(403, "permission denied")
	}
	if refused := l.check(r, fields); refused != nil {
		l.refused++
		return nil, refused
	}
	l.used++
	s.logged++
	name := fmt.Sprintf("hvs.login-%d", s.logged)
	t := &token{caps: l.Caps, lease: time.Duration(l.Lease) * time.Second}
	if l.MaxTTL > 0 {
		t.last = time.Now().Add(time.Duration(l.MaxTTL) * time.Second)
	}
	t.renew()
	s.tokens[name] = t
	return map[string]any{"auth": t.auth(name)}, nil
}

func (l *Login) check(r *http.Request, fields map[string]any) *refusal {
	switch l.Method {
	case "approle":
		if fields["role_id"] != l.Role || fields["secret_id"] != l.Secret || l.Uses > 0 && l.used >= l.Uses {
			return refuse(400, "invalid role or secret ID")
		}
	case "kubernetes":
		if fields["role"] != l.Role {
			return refuse(400, "invalid role name %q", fields["role"])
		}
		if fields["jwt"] != l.Secret {
			return oneError(403, "permission denied")
		}
	case "jwt":
		if fields["role"] != l.Role {
			return refuse(400, "role %q could not be found", fields["role"])
		}
		if fields["jwt"] != l.Secret {
			return refuse(400, "error validating token: error verifying token signature: no known key successfully validated the token signature")
		}
	case "cert":
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return refuse(400, "client certificate must be supplied")
		}
		if name := r.TLS.PeerCertificates[0].Subject.CommonName; name != l.Secret || fields["name"] != nil && fields["name"] != "" && fields["name"] != l.Role {
			return refuse(400, "invalid certificate or no client certificate supplied")
		}
	}
	return nil
}
