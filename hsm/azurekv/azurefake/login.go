package azurefake

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	resource      = "https://vault.azure.net"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// logIn answers as the login server, the metadata service or App Service's
// endpoint does.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, text []byte) {
	q := r.URL.Query()
	const base = "https://login.microsoftonline.com/" + Tenant
	switch {
	case r.URL.Path == "/"+Tenant+"/v2.0/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token"})
	case r.URL.Path == "/"+Tenant+"/oauth2/v2.0/token" && r.Method == http.MethodPost:
		s.clientCredentials(w, text)
	case r.URL.Path == "/metadata/identity/oauth2/token" && r.Header.Get("Metadata") == "true" && q.Get("api-version") == "2018-02-01",
		r.URL.Path == "/msi/token" && r.Header.Get("X-IDENTITY-HEADER") == "the header" && q.Get("api-version") == "2019-08-01":
		if q.Get("resource") != resource || q.Get("client_id") != "" && q.Get("client_id") != Client {
			refuseLogin(w, 400, "invalid_request", "Identity not found")
			return
		}
		if r.URL.Path == "/msi/token" {
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.token(), "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": resource, "token_type": "Bearer"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.token(), "expires_in": "3600", "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": resource, "token_type": "Bearer"})
	default:
		refuseLogin(w, 404, "not_found", "")
	}
}

func (s *Server) clientCredentials(w http.ResponseWriter, text []byte) {
	form, err := url.ParseQuery(string(text))
	proof := form.Get("client_secret")
	if form.Get("client_assertion_type") == assertionType {
		proof = form.Get("client_assertion")
	}
	if s.public != nil && s.signed(proof) {
		proof = s.secret
	}
	switch {
	case err != nil || form.Get("grant_type") != "client_credentials":
		refuseLogin(w, 400, "invalid_request", "AADSTS900144")
	case !strings.HasPrefix(form.Get("scope"), resource+"/.default"):
		refuseLogin(w, 400, "invalid_scope", "AADSTS70011")
	case form.Get("client_id") != Client:
		refuseLogin(w, 400, "unauthorized_client", "AADSTS700016: Application was not found in the directory.")
	case proof == "" || proof != s.secret:
		refuseLogin(w, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided: "+proof)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": s.token()})
	}
}

// signed reports whether a JWT is one of Client's certificate (RFC 7523, PS256
// or RS256).
func (s *Server) signed(jwt string) bool {
	i := strings.LastIndex(jwt, ".")
	if i < 0 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(jwt[i+1:])
	sum := sha256.Sum256([]byte(jwt[:i]))
	return err == nil && (rsa.VerifyPSS(s.public, crypto.SHA256, sum[:], signature, nil) == nil || rsa.VerifyPKCS1v15(s.public, crypto.SHA256, sum[:], signature) == nil)
}

// SetCertificate makes a certificate for Client, and returns it and its key in
// PEM.
func (s *Server) SetCertificate() []byte {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err1 := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	key, err2 := x509.MarshalPKCS8PrivateKey(private)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	s.do(func() { s.public, s.secret = &private.PublicKey, "signed" })
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}

// Token returns a token, as if somebody had logged in.
func (s *Server) Token() (token string) {
	s.do(func() { token = s.token() })
	return token
}

func (s *Server) token() string {
	s.issued++
	token := fmt.Sprintf("eyJ.token-%d", s.issued)
	s.tokens[token] = s.allows
	return token
}

func refuseLogin(w http.ResponseWriter, status int, code, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}
