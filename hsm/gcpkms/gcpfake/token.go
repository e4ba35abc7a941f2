package gcpfake

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Permissions of Cloud KMS, without their common beginning.
const (
	Get     = "cryptoKeys.get"
	Encrypt = "cryptoKeyVersions.useToEncrypt"
	Decrypt = "cryptoKeyVersions.useToDecrypt"
)

// An account is a service account with a key of its own.
type account struct {
	email       string
	key         *rsa.PublicKey
	permissions []string
	disabled    bool
}

// CreateAccount makes a service account that has permissions on every key, and
// returns its credentials, as `gcloud iam service-accounts keys create` writes
// them.
func (s *Server) CreateAccount(permissions ...string) []byte {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &account{email: fmt.Sprintf("account-%d@sealmesh-test.iam.gserviceaccount.com", len(s.accounts)+1), key: &private.PublicKey, permissions: permissions}
	s.accounts[a.email] = a
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "sealmesh-test", "private_key_id": "1", "client_id": "1",
		"client_email": a.email, "token_uri": s.http.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		panic(err)
	}
	return text
}

// DisableAccounts has every service account refused from now on, and its
// tokens.
func (s *Server) DisableAccounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		a.disabled = true
	}
	clear(s.tokens)
}

func (s *Server) issue(w http.ResponseWriter, text []byte) {
	form, err := url.ParseQuery(string(text))
	var a *account
	if err == nil && form.Get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		a = s.verify(form.Get("assertion"))
	}
	w.Header().Set("Content-Type", "application/json")
	if a == nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
		return
	}
	s.grant(w, a)
}

func (s *Server) grant(w http.ResponseWriter, a *account) {
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.token(a), "expires_in": 3599, "token_type": "Bearer", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
}

func (s *Server) token(a *account) string {
	s.issued++
	token := fmt.Sprintf("ya29.token-%d", s.issued)
	s.tokens[token] = a
	return token
}

// verify returns the account that signed a JWT for this server, or nil.
func (s *Server) verify(assertion string) *account {
	signed, signature, ok := cutLast(assertion, ".")
	_, encoded, ok2 := strings.Cut(signed, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	sig, err2 := base64.RawURLEncoding.DecodeString(signature)
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Scope    string `json:"scope"`
		Expires  int64  `json:"exp"`
	}
	if !ok || !ok2 || err != nil || err2 != nil || json.Unmarshal(raw, &claims) != nil {
		return nil
	}
	a := s.accounts[claims.Issuer]
	sum := sha256.Sum256([]byte(signed))
	if a == nil || a.disabled || rsa.VerifyPKCS1v15(a.key, crypto.SHA256, sum[:], sig) != nil {
		return nil
	}
	if claims.Audience != s.http.URL+"/token" || !strings.HasPrefix(claims.Scope, "https://www.googleapis.com/auth/cloud") || claims.Expires < time.Now().Unix() {
		return nil
	}
	return a
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
