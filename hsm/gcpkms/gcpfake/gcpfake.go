// Package gcpfake is a server that speaks what Google's SDK asks for sealmesh:
// Cloud KMS version 1's cryptoKeys.get, encrypt and decrypt, the token endpoint
// of service accounts (RFC 7523), STS (RFC 8693), impersonation and the
// metadata server. It wraps and unwraps for real, with versions that have
// states, and checks and gives every CRC32C. It is for tests: everything is in
// memory.
package gcpfake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
)

// A Server is safe for concurrent use.
type Server struct {
	mu       sync.Mutex
	http     *httptest.Server
	keys     map[string]*key
	accounts map[string]*account // by e-mail address
	tokens   map[string]*account
	issued   int
	fallback string // e-mail address
	faults   []Fault
	logins   []Fault
	log      []Request
}

// A Request is what a client asked, for tests to look at.
type Request struct {
	Method, Path, Token, QuotaProject, Body string
}

// A Fault is what happens to the next request to Cloud KMS.
type Fault = guardtest.Fault

// Start starts a server on 127.0.0.1, without TLS.
func Start() *Server {
	s := &Server{keys: map[string]*key{}, accounts: map[string]*account{}, tokens: map[string]*account{}}
	s.http = httptest.NewServer(s)
	return s
}

// Close ends every connection.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// URL is the server's address.
func (s *Server) URL() string { return s.http.URL }

// Fail has the next requests to Cloud KMS meet faults, in order.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// FailLogin has the next requests for a token meet faults, in order.
func (s *Server) FailLogin(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins = append(s.logins, faults...)
}

// Requests returns what was asked since it was called last, and forgets what
// faults are left.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log, s.faults, s.logins = nil, nil, nil
	return log
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client has disconnected
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.log = append(s.log, Request{r.Method, r.URL.Path, token, r.Header.Get("X-Goog-User-Project"), string(text)})
	if s.identity(w, r, text) {
		return
	}
	var f Fault
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
		if f.Tamper == nil {
			f.Serve(w, text)
			return
		}
	}
	out, failed := s.answer(r, token, text)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if failed != nil {
		w.WriteHeader(failed.Code)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": failed})
		return
	}
	if f.Tamper != nil {
		f.Tamper(out)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// A refusal is google.rpc.Status, as the API writes it.
type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

func (s *Server) answer(r *http.Request, token string, text []byte) (map[string]any, *refusal) {
	who := s.tokens[token]
	if who == nil {
		return nil, &refusal{Code: 401, Status: "UNAUTHENTICATED", Message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."}
	}
	name, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), ":")
	permission := map[string]string{"": "cryptoKeys.get", "encrypt": "cryptoKeyVersions.useToEncrypt", "decrypt": "cryptoKeyVersions.useToDecrypt"}[verb]
	if permission == "" || (r.Method == http.MethodPost) != (verb != "") {
		return nil, &refusal{Code: 404, Status: "NOT_FOUND", Message: "Method not found."}
	}
	k := s.keys[name]
	if !slices.Contains(who.permissions, permission) {
		return nil, denied(permission, name)
	}
	if k == nil {
		return nil, &refusal{Code: 404, Status: "NOT_FOUND", Message: "CryptoKey " + name + " not found."}
	}
	if verb == "" {
		return k.describe(), nil
	}
	var in input
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, invalid("Invalid JSON payload received.")
	}
	if k.Purpose != "ENCRYPT_DECRYPT" {
		return nil, &refusal{Code: 400, Status: "FAILED_PRECONDITION", Message: "The request cannot be fulfilled. Resource projects is of purpose " + k.Purpose + "."}
	}
	if verb == "encrypt" {
		return k.encrypt(in)
	}
	return k.decrypt(in)
}

func denied(permission, name string) *refusal {
	return &refusal{
		Code: 403, Status: "PERMISSION_DENIED",
		Message: "Permission 'cloudkms." + permission + "' denied on resource '" + name + "' (or it may not exist).",
		Details: []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED", "domain": "cloudkms.googleapis.com"}},
	}
}

func invalid(message string) *refusal {
	return &refusal{Code: 400, Status: "INVALID_ARGUMENT", Message: message}
}
