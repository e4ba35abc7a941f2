package gcpfake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// What a federated identity is proved by, and the header that its URL is asked
// with.
const (
	SubjectToken  = "subject-token"
	SubjectHeader = "X-Subject"
)

// identity answers as the services that give tokens do: the token endpoint of
// service accounts, STS (RFC 8693), IAM credentials (impersonation), the
// metadata server, and an identity provider elsewhere. It reports whether r was
// for one of them.
func (s *Server) identity(w http.ResponseWriter, r *http.Request, text []byte) bool {
	serve := s.issue
	switch {
	case r.URL.Path == "/token":
	case r.URL.Path == "/sts":
		serve = s.exchange
	case strings.HasPrefix(r.URL.Path, "/impersonate/"):
		serve = func(w http.ResponseWriter, _ []byte) { s.impersonate(w, r) }
	case strings.HasPrefix(r.URL.Path, "/computeMetadata/"):
		serve = func(w http.ResponseWriter, _ []byte) { s.metadata(w, r) }
	case r.URL.Path == "/subject" && r.Header.Get(SubjectHeader) != "":
		serve = func(w http.ResponseWriter, _ []byte) { _, _ = w.Write([]byte(SubjectToken)) }
	default:
		return false
	}
	if len(s.logins) > 0 {
		var f Fault
		f, s.logins = s.logins[0], s.logins[1:]
		f.Serve(w, text)
		return true
	}
	serve(w, text)
	return true
}

// SetFallback names the service account, by the credentials of CreateAccount,
// that the machine and federated identities are.
func (s *Server) SetFallback(credentials []byte) {
	var file struct {
		Email string `json:"client_email"`
	}
	if err := json.Unmarshal(credentials, &file); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback = file.Email
}

func (s *Server) exchange(w http.ResponseWriter, text []byte) {
	form, err := url.ParseQuery(string(text))
	w.Header().Set("Content-Type", "application/json")
	if err != nil || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || form.Get("subject_token") != SubjectToken || form.Get("audience") == "" {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": "The subject token is invalid: " + form.Get("subject_token")})
		return
	}
	s.grant(w, s.accounts[s.fallback])
}

func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	a := s.accounts[s.fallback]
	if r.Header.Get("Metadata-Flavor") != "Google" || a == nil || a.disabled || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/token" {
		http.Error(w, "no service account", http.StatusNotFound)
		return
	}
	w.Header().Set("Metadata-Flavor", "Google")
	s.grant(w, a)
}

// impersonate gives a caller that has a token another one: for the account
// whose e-mail address ends the path.
func (s *Server) impersonate(w http.ResponseWriter, r *http.Request) {
	name, _ := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/impersonate/"), ":generateAccessToken")
	w.Header().Set("Content-Type", "application/json")
	a := s.accounts[name]
	if s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] == nil || a == nil {
		refused := denied("iam.serviceAccounts.getAccessToken", name)
		w.WriteHeader(refused.Code)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": refused})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"accessToken": s.token(a), "expireTime": "2099-01-01T00:00:00Z"})
}
