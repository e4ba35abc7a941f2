package gcpkms

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"github.com/sealmesh/sealmesh/hsm/guard"
)

// kinds are the types of credentials that a file may hold.
var kinds = []credentials.CredType{
	credentials.ServiceAccount, credentials.AuthorizedUser, credentials.ExternalAccount, credentials.ExternalAccountAuthorizedUser, credentials.ImpersonatedServiceAccount,
}

// A credentialsFile is what is checked before the SDK reads a file.
type credentialsFile struct {
	Type   credentials.CredType `json:"type"`
	Source struct {
		Executable json.RawMessage `json:"executable"`
	} `json:"credential_source"`
	Inner *credentialsFile `json:"source_credentials"` // of one that is impersonated
}

// runs reports whether the SDK would run a program for a token.
func (f *credentialsFile) runs() bool {
	return f != nil && (f.Source.Executable != nil || f.Inner.runs())
}

// read reads a file, which may name the servers that give tokens: its author is
// trusted like the author of the policy that names it. The file may name a
// program only if the KEK's URI allows that.
func (s settings) read(file string, o *credentials.DetectOptions) (*auth.Credentials, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var about credentialsFile
	if json.Unmarshal(text, &about) != nil || !slices.Contains(kinds, about.Type) {
		return nil, errors.New(file + " holds no Google credentials")
	}
	if about.runs() && !s.executable {
		return nil, errors.New(file + " names a program to run for a token: allow that by executable-credentials=allow, or use a file or URL as its credential_source")
	}
	found, err := credentials.NewCredentialsFromJSON(about.Type, text, o)
	if err != nil {
		return nil, errors.New(file + " holds incomplete Google credentials") // without what the decoder read
	}
	return found, nil
}

// checkEnvironment refuses settings that the SDK would take from the
// environment and that could divert tokens or run a program.
func (s settings) checkEnvironment() error {
	for _, name := range []string{"GOOGLE_API_USE_CLIENT_CERTIFICATE", "EXPERIMENTAL_GOOGLE_API_USE_S2A"} {
		if strings.EqualFold(os.Getenv(name), "true") {
			return fmt.Errorf("%s is true: the SDK would run a program or ask a proxy for certificates; unset it", name)
		}
	}
	if at := os.Getenv("GCE_METADATA_HOST"); at != "" {
		host, _, err := net.SplitHostPort(at)
		if err != nil {
			host = at
		}
		if !guard.Nearby(host) {
			return errors.New("GCE_METADATA_HOST is not an address of this machine or of its own network")
		}
	}
	if universe := os.Getenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN"); universe != "" && universe != "googleapis.com" && s.endpoint.String() == defaultEndpoint {
		return errors.New("GOOGLE_CLOUD_UNIVERSE_DOMAIN names another cloud than Google's: name its Cloud KMS by endpoint=")
	}
	return nil
}
