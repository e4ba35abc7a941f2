package azurekv

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"

	"github.com/sealmesh/sealmesh/hsm/guard"
)

var regionForm = regexp.MustCompile(`^[a-z0-9]{1,40}$`)

// checkEnvironment refuses settings that the SDK would take from the
// environment, and settings that could divert tokens or secrets or show
// answers. The SDK may read no variable that is neither here nor in the package
// documentation.
func (s *settings) checkEnvironment() error {
	if os.Getenv("AZURE_SDK_GO_LOGGING") != "" {
		return errors.New("AZURE_SDK_GO_LOGGING is set: the SDK would write answers to standard error; unset it")
	}
	if at := os.Getenv("AZURE_AUTHORITY_HOST"); at != "" {
		u, err := url.Parse(at)
		if err != nil || u.Scheme != "https" || u.User != nil || !slices.Contains(s.cloud.logins, u.Host) {
			return errors.New("AZURE_AUTHORITY_HOST is not the https URL of the login server of the vault's cloud: secrets would be sent there; unset it, the vault's name says which cloud it is")
		}
	}
	for _, name := range []string{"AZURE_REGIONAL_AUTHORITY_NAME", "MSAL_FORCE_REGION"} {
		if region := os.Getenv(name); region != "" && !regionForm.MatchString(region) {
			return fmt.Errorf("%s is not a region in lower case, and stands in the name of a login server", name)
		}
	}
	// The services of managed identities receive proof of the machine's identity.
	for _, name := range []string{"IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT"} {
		at := os.Getenv(name)
		if u, err := url.Parse(at); at != "" && (err != nil || !guard.Nearby(u.Hostname())) {
			return fmt.Errorf("%s is not an address of this machine or of its own network", name)
		}
	}
	return nil
}

// testServer sends every request to a test's server, whatever host the SDK
// names.
type testServer struct {
	to   *url.URL
	next http.RoundTripper
}

func (t testServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, t.to.Scheme, t.to.Host
	return t.next.RoundTrip(r)
}
