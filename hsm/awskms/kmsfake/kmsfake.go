// Package kmsfake is a small AWS KMS for tests, the demo and benchmarks: real
// keys, real AES-GCM and RSA, KMS's own wire protocol (TrentService, JSON 1.1)
// and its exceptions, in this process. Any AWS SDK or CLI can talk to it.
//
// One server plays every Region and account: a request's Region is that of its
// signature, as it is for AWS. It plays STS too, for roles by web identity.
// Multi-Region keys share their material across Regions and nothing else.
// Faults are scripted with [Server.Inject], and every request is kept for
// [Server.Calls].
//
// What it is not: it keeps keys in memory and nowhere else, it reads signatures
// for their Region and access key but does not verify them, it has no key
// policies (a principal may do anything unless [Server.Restrict] says that
// grants alone count), and it has no quotas. Never give it a key that matters.
package kmsfake

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Account is the account of keys that are made without naming one.
const Account = "111122223333"

const maxRequest = 1 << 20 // bytes

// A Server is one fake KMS. Safe for concurrent use.
type Server struct {
	mu      sync.Mutex
	regions map[string]*regionState
	faults  []*Fault
	calls   []Call
	limited map[string]bool         // principals that need a grant
	lease   time.Duration           // of STS's credentials
	wrapper map[int]*rsa.PrivateKey // that imported material comes under, by bits: made once, since it takes seconds

	http     *http.Server
	listener net.Listener
}

// regionState is what KMS keeps apart by Region.
type regionState struct {
	keys    map[string]*key   // key id → key
	aliases map[string]string // "account:alias/name" → key id
}

// New returns a server that is an [http.Handler] and listens nowhere.
func New() *Server {
	return &Server{regions: map[string]*regionState{}, limited: map[string]bool{}, lease: time.Hour, wrapper: map[int]*rsa.PrivateKey{}}
}

// Start returns a server that listens on a free port of 127.0.0.1.
func Start() (*Server, error) {
	s := New()
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("kmsfake: %w", err)
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(s.listener) }() // ends with Close
	return s, nil
}

// URL returns the endpoint of a server that was started.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops listening and breaks what is under way. It may be called again.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

// A Call is one request as the server saw it.
type Call struct {
	Operation         string
	Region            string
	Principal         string // the access key id
	KeyID             string // as the request names it
	EncryptionContext map[string]string
	GrantTokens       []string
	RequestID         string
	Code              string // exception that was returned, or ""
}

// Calls returns the requests so far, in the order in which they ended.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Forget empties the list of calls.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// A request is one call under way. Operations run with s.mu held.
type request struct {
	*regionState
	s         *Server
	region    string
	principal string
	operation string
	body      []byte
}

var credential = regexp.MustCompile(`Credential=([^/, ]+)/[0-9]{8}/([a-z0-9-]+)/kms/aws4_request`)

// ServeHTTP answers one request of the KMS API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	w.Header().Set("X-Amzn-RequestId", id)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		s.serveSTS(w, r, id)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	req, failed := s.read(r)
	call := Call{Operation: req.operation, Region: req.region, Principal: req.principal, RequestID: id}
	// What the log wants of a request is spelled alike in all of them.
	_ = json.Unmarshal(req.body, &call)
	call.RequestID = id

	var out any
	if failed == nil {
		if fault := s.take(req); fault != nil && fault.play(w, r, s, call, respondWith) {
			return
		}
		out, failed = s.run(req)
	}
	if failed != nil {
		call.Code = failed.Code
	}
	s.log(call)
	respond(w, out, failed)
}

func (s *Server) log(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

func (s *Server) read(r *http.Request) (request, *Exception) {
	req := request{s: s}
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	var ok bool
	req.operation, ok = strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if m != nil {
		req.principal, req.region = m[1], m[2]
	}
	var err error
	req.body, err = io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	switch {
	case err != nil || len(req.body) > maxRequest || r.Method != http.MethodPost || r.URL.Path != "/":
		return req, exception("SerializationException", "not a request of this API")
	case m == nil:
		return req, exception("MissingAuthenticationToken", "the request is not signed")
	case !ok || operations[req.operation] == nil:
		return req, exception("UnknownOperationException", "")
	}
	return req, nil
}

func (s *Server) run(req request) (any, *Exception) {
	s.mu.Lock()
	defer s.mu.Unlock()
	req.regionState = s.region(req.region)
	return operations[req.operation](&req)
}

// region makes Regions as they are named. The caller holds s.mu.
func (s *Server) region(name string) *regionState {
	if s.regions[name] == nil {
		s.regions[name] = &regionState{keys: map[string]*key{}, aliases: map[string]string{}}
	}
	return s.regions[name]
}

// respondWith answers with an exception alone.
func respondWith(w http.ResponseWriter, failed *Exception) { respond(w, nil, failed) }

func respond(w http.ResponseWriter, out any, failed *Exception) {
	if failed != nil {
		w.WriteHeader(failed.status())
		out = map[string]string{"__type": failed.Code, "message": failed.Message}
	}
	if out == nil {
		return
	}
	_ = json.NewEncoder(w).Encode(out) // the client has gone: nobody to tell
}

func requestID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
