// Package transitfake is a server that speaks the part of Vault's HTTP API that
// sealmesh uses: Transit's encrypt, decrypt and keys, logins, and the renewal
// of tokens. It wraps and unwraps for real, and answers with the statuses and
// messages of Vault 1.21 (builtin/logical/transit, sdk/helper/keysutil,
// sdk/logical). It is for tests: everything is in memory.
package transitfake

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
)

// A Server is safe for concurrent use. Change its fields only before its first
// request or within [Server.Do].
type Server struct {
	Namespace  string // what requests must name, "" for none
	Mount      string // of the engine
	Sealed     bool
	LoginFails bool   // logins answer 500
	Standby    string // where a standby node redirects to, "" for the active one

	// Before113 makes it a server that does not know associated_data: it ignores
	// the parameter, and Silent keeps it from saying so.
	Before113, Silent bool

	mu     sync.Mutex
	http   *httptest.Server
	keys   map[string]*key
	tokens map[string]*token
	logins map[string]*Login
	faults []Fault
	log    []Request
	issued int // request ids
	logged int // logins
}

// Root is a token that may do everything.
const Root = "hvs.root-of-the-fake"

// A Request is what a client asked, for tests to look at.
type Request struct {
	Method, Path, Token, Namespace string
	Body                           string
}

// A Fault is an answer given in place of the next request's own.
type Fault = guardtest.Fault

// Start starts a server with TLS on 127.0.0.1, whose engine is mounted at
// "transit".
func Start() *Server { return start((*httptest.Server).StartTLS) }

// StartPlain starts one without TLS.
func StartPlain() *Server { return start((*httptest.Server).Start) }

func start(serve func(*httptest.Server)) *Server {
	s := &Server{Mount: "transit", keys: map[string]*key{}, tokens: map[string]*token{Root: {caps: []string{"*"}}}, logins: map[string]*Login{}}
	s.http = httptest.NewUnstartedServer(s)
	s.http.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // for logins by certificate
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)         // clients that do not trust it are what some tests want
	serve(s.http)
	return s
}

// Close ends every connection.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// URL is the server's address: https://127.0.0.1:port.
func (s *Server) URL() string { return s.http.URL }

// Host is the server's address in a key's URI.
func (s *Server) Host() string { return strings.SplitN(s.http.URL, "://", 2)[1] }

// WriteCA writes the server's CA into dir, and returns the file's path.
func (s *Server) WriteCA(dir string) (string, error) {
	file := filepath.Join(dir, "ca.pem")
	block := pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw}
	return file, os.WriteFile(file, pem.EncodeToMemory(&block), 0o600)
}

// Do runs f while no request is served.
func (s *Server) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Allow makes name a token that may do what caps say ("update
// transit/encrypt/k").
func (s *Server) Allow(name string, caps ...string) {
	s.Do(func() { s.tokens[name] = &token{caps: caps} })
}

// Revoke ends the token of that name.
func (s *Server) Revoke(name string) {
	s.Do(func() { delete(s.tokens, name) })
}

// Fail has the next requests answered by faults, in order.
func (s *Server) Fail(faults ...Fault) {
	s.Do(func() { s.faults = append(s.faults, faults...) })
}

// Requests returns what was asked since it was called last, and forgets what
// faults are left.
func (s *Server) Requests() (log []Request) {
	s.Do(func() { log, s.log, s.faults = s.log, nil, nil })
	return log
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client has disconnected
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Request{r.Method, r.URL.Path, r.Header.Get("X-Vault-Token"), r.Header.Get("X-Vault-Namespace"), string(text)})
	if len(s.faults) > 0 {
		f := s.faults[0]
		s.faults = s.faults[1:]
		f.Serve(w, text)
		return
	}
	if s.Standby != "" {
		w.Header().Set("Location", s.Standby+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	data, failed := s.answer(r, text)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if failed != nil {
		w.WriteHeader(failed.status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": failed.messages})
		return
	}
	s.issued++
	data["request_id"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", s.issued)
	_ = json.NewEncoder(w).Encode(data)
}
