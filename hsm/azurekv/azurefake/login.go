package azurefake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	resource      = "https://vault.azure.net"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// logIn answers as the login server, the metadata service or App Service's endpoint does.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, text []byte) {
	q := r.URL.Query()
	switch {
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
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.token(), "expires_in": "3600", "expires_on": "1", "resource": resource, "token_type": "Bearer"})
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
	switch {
	case err != nil || form.Get("grant_type") != "client_credentials":
		refuseLogin(w, 400, "invalid_request", "AADSTS900144")
	case form.Get("scope") != resource+"/.default":
		refuseLogin(w, 400, "invalid_scope", "AADSTS70011")
	case form.Get("client_id") != Client:
		refuseLogin(w, 400, "unauthorized_client", "AADSTS700016: Application was not found in the directory.")
	case proof == "" || proof != s.secret:
		refuseLogin(w, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided: "+proof)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": s.token()})
	}
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
