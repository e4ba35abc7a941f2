package transitfake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A refusal is an answer that is not 200.
type refusal struct {
	status   int
	messages []string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, []string{fmt.Sprintf(format, args...)}}
}

// oneError is how Vault's core dresses the errors that it makes itself.
func oneError(status int, message string) *refusal {
	return refuse(status, "1 error occurred:\n\t* %s\n\n", message)
}

func (s *Server) answer(r *http.Request, text []byte) (map[string]any, *refusal) {
	if s.Sealed {
		return nil, refuse(503, "Vault is sealed")
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok || r.Header.Get("X-Vault-Request") != "true" {
		return nil, &refusal{status: 404, messages: []string{}}
	}
	fields := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, refuse(400, "error parsing JSON")
		}
	}
	if strings.HasPrefix(path, "auth/") {
		return s.logIn(r, path, fields)
	}
	if refused := s.authorise(r, path); refused != nil {
		return nil, refused
	}
	rest, ok := strings.CutPrefix(path, s.Mount+"/")
	if !ok || r.Header.Get("X-Vault-Namespace") != s.Namespace {
		return nil, refuse(404, "no handler for route %q. route entry not found.", path)
	}
	operation, name, _ := strings.Cut(rest, "/")
	switch {
	case operation == "keys" && r.Method == http.MethodGet:
		return s.readKey(name)
	case operation == "encrypt" && r.Method != http.MethodGet:
		return s.warn(fields, []string{"plaintext", "associated_data", "key_version"}, name, (*key).encrypt)
	case operation == "decrypt" && r.Method != http.MethodGet:
		return s.warn(fields, []string{"ciphertext", "associated_data"}, name, (*key).decrypt)
	}
	return nil, oneError(405, "unsupported operation")
}

// warn does what the framework does around an operation: it names the
// parameters that it ignored.
func (s *Server) warn(fields map[string]any, known []string, name string, run func(*key, map[string]any) (map[string]any, *refusal)) (map[string]any, *refusal) {
	k := s.keys[name]
	if k == nil {
		return nil, refuse(400, "encryption key not found")
	}
	if k.SoftDeleted {
		return nil, refuse(400, "key is soft deleted")
	}
	if s.Before113 {
		known = slices.DeleteFunc(known, func(p string) bool { return p == "associated_data" })
	}
	var ignored []string
	for p := range fields {
		if !slices.Contains(known, p) {
			ignored = append(ignored, p)
			delete(fields, p)
		}
	}
	data, refused := run(k, fields)
	if refused != nil {
		return nil, refused
	}
	out := map[string]any{"data": data}
	if len(ignored) > 0 && !s.Silent {
		out["warnings"] = []string{fmt.Sprintf("Endpoint ignored these unrecognized parameters: %v", ignored)}
	}
	return out, nil
}

func (s *Server) authorise(r *http.Request, path string) *refusal {
	token := r.Header.Get("X-Vault-Token")
	caps, ok := s.tokens[token]
	switch {
	case token == "":
		return refuse(403, "permission denied")
	case !ok:
		return refuse(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	want := "update " + path
	if r.Method == http.MethodGet {
		want = "read " + path
	}
	if !slices.Contains(caps, want) && !slices.Contains(caps, "*") {
		return oneError(403, "permission denied")
	}
	return nil
}

// A Login is a role that somebody may log in as.
type Login struct {
	Method string // "kubernetes" or "approle"
	Role   string
	Secret string   // the service account's token, or the secret id
	Lease  int      // seconds
	Caps   []string // of the tokens it gives
}

// AllowLogin adds a role, at its method's usual mount.
func (s *Server) AllowLogin(l Login) {
	s.Do(func() { s.logins["auth/"+l.Method+"/login"] = l })
}

func (s *Server) logIn(r *http.Request, path string, fields map[string]any) (map[string]any, *refusal) {
	l, ok := s.logins[path]
	if !ok || r.Method != http.MethodPost {
		return nil, oneError(403, "permission denied")
	}
	role, secret := "role", "jwt"
	if l.Method == "approle" {
		role, secret = "role_id", "secret_id"
	}
	switch {
	case l.Method == "approle" && (fields[role] != l.Role || fields[secret] != l.Secret):
		return nil, refuse(400, "invalid role or secret ID")
	case fields[role] != l.Role:
		return nil, refuse(400, "invalid role name %q", fields[role])
	case fields[secret] != l.Secret:
		return nil, oneError(403, "permission denied")
	}
	s.logged++
	token := fmt.Sprintf("hvs.login-%d", s.logged)
	s.tokens[token] = l.Caps
	return map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": l.Lease, "renewable": true}}, nil
}
