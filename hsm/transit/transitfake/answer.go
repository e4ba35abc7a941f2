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
	if path == "auth/token/renew-self" {
		return s.renew(r)
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
