// Package azurefake is a server that speaks what Azure's SDK asks for sealmesh:
// Key Vault's keys (get, unwrapkey, wrapkey, rotationpolicy; version
// 2025-07-01), the login server's client credentials with a secret, a
// certificate or a federated token, and the metadata services' managed
// identity. It wraps and unwraps for real. Like Key Vault it lets a disabled
// key wrap. It is for tests: everything is in memory.
package azurefake

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
)

// Who may log in, and to which vault.
const (
	Host   = "contoso.vault.azure.net"
	Tenant = "11111111-2222-3333-4444-555555555555"
	Client = "66666666-7777-8888-9999-000000000000"
)

// A Server is safe for concurrent use.
type Server struct {
	mu     sync.Mutex
	http   *httptest.Server
	keys   map[string]*key
	secret string              // of Client: a client secret or a federated token
	public *rsa.PublicKey      // of Client's certificate, nil for none
	allows []string            // of the tokens issued from now on: "get", "unwrapKey", …
	tokens map[string][]string // what each may do
	issued int
	faults []Fault
	logins []Fault
	log    []Request
}

// A Request is what a client asked, for tests to look at.
type Request struct {
	Method, Path, Token, Body string
}

// A Fault is what happens to the next request to the vault.
type Fault = guardtest.Fault

// Start starts a server on 127.0.0.1, without TLS.
func Start() *Server {
	s := &Server{keys: map[string]*key{}, tokens: map[string][]string{}, allows: []string{"get", "unwrapKey", "wrapKey", "getrotationpolicy"}}
	s.http = httptest.NewServer(s)
	return s
}

// Close ends every connection.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// URL is the server's address, as vault, login server and metadata service.
func (s *Server) URL() string { return s.http.URL }

// SetSecret sets what Client proves itself with.
func (s *Server) SetSecret(secret string) { s.do(func() { s.secret = secret }) }

// Allow says what the tokens issued from now on may do.
func (s *Server) Allow(permissions ...string) { s.do(func() { s.allows = permissions }) }

// RevokeTokens has every token refused that was issued so far.
func (s *Server) RevokeTokens() { s.do(func() { clear(s.tokens) }) }

// Fail has the next requests to the vault meet faults, in order.
func (s *Server) Fail(faults ...Fault) { s.do(func() { s.faults = append(s.faults, faults...) }) }

// FailLogin has the next requests for a token meet faults, in order.
func (s *Server) FailLogin(faults ...Fault) { s.do(func() { s.logins = append(s.logins, faults...) }) }

// Requests returns what was asked since it was called last, and forgets what
// faults are left.
func (s *Server) Requests() (log []Request) {
	s.do(func() { log, s.log, s.faults, s.logins = s.log, nil, nil, nil })
	return log
}

func (s *Server) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client has disconnected
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.log = append(s.log, Request{r.Method, r.URL.Path, token, string(text)})
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if !strings.HasPrefix(r.URL.Path, "/keys/") {
		if len(s.logins) > 0 && !strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			var f Fault
			f, s.logins = s.logins[0], s.logins[1:]
			f.Serve(w, text)
			return
		}
		s.logIn(w, r, text)
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
	s.issued++
	w.Header().Set("X-Ms-Request-Id", fmt.Sprintf("00000000-0000-4000-8000-%012d", s.issued))
	out, failed := s.answer(r, token, text)
	if failed != nil {
		failed.serve(w)
		return
	}
	if f.Tamper != nil {
		f.Tamper(out)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// A refusal is an answer that is not 200.
type refusal struct {
	status               int
	code, inner, message string
}

func (f *refusal) serve(w http.ResponseWriter) {
	e := map[string]any{"code": f.code, "message": f.message}
	if f.inner != "" {
		e["innererror"] = map[string]string{"code": f.inner}
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/`+Tenant+`", resource="https://vault.azure.net"`)
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": e})
}

func (s *Server) answer(r *http.Request, token string, text []byte) (map[string]any, *refusal) {
	caps, ok := s.tokens[token]
	if !ok {
		return nil, &refusal{401, "Unauthorized", "", "[BearerReadAccessTokenFailed] Error validating token: 'S2S12086'."}
	}
	if r.URL.Query().Get("api-version") != "2025-07-01" {
		return nil, &refusal{400, "BadParameter", "", "api-version is not supported"}
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/keys/"), "/")
	version, operation, _ := strings.Cut(rest, "/")
	permission := map[string]string{"unwrapkey": "unwrapKey", "wrapkey": "wrapKey", "": "get"}[operation]
	if rest == "rotationpolicy" {
		permission, version = "getrotationpolicy", ""
	}
	if !slices.Contains(caps, permission) {
		return nil, &refusal{403, "Forbidden", "ForbiddenByRbac", "Caller is not authorized to perform action on resource."}
	}
	k := s.keys[name]
	v := k.version(version)
	switch {
	case v == nil:
		return nil, &refusal{404, "KeyNotFound", "", "A key with (name/id) " + name + " was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command."}
	case permission == "getrotationpolicy":
		return k.rotationPolicy(), nil
	case operation == "":
		return k.bundle(name, v), nil
	case r.Method != http.MethodPost:
		return nil, &refusal{405, "MethodNotAllowed", "", ""}
	}
	return k.crypt(name, v, operation, text)
}
