package azurekv

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// uriForm matches a vault of one of Azure's clouds, and a key in it.
var uriForm = regexp.MustCompile(`^azurekv://([a-z0-9-]{3,24}\.((?:vault|managedhsm)\.(azure\.net|azure\.cn|usgovcloudapi\.net)))/keys/([A-Za-z0-9-]{1,127})(?:\?(.*))?$`)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// An azureCloud says where the principals of its vaults log in.
type azureCloud struct {
	login  string   // https://…
	logins []string // its hosts, with their other names
}

// clouds are Azure's clouds, by the suffix of their vaults' names.
var clouds = map[string]azureCloud{
	"azure.net":         {"https://login.microsoftonline.com/", []string{"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"}},
	"azure.cn":          {"https://login.chinacloudapi.cn/", []string{"login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}},
	"usgovcloudapi.net": {"https://login.microsoftonline.us/", []string{"login.microsoftonline.us", "login.usgovcloudapi.net"}},
}

// credentialKinds are the values of credential=. The last three run a program.
var credentialKinds = []string{"workload", "managed", "secret", "certificate", "azure-cli", "azure-developer-cli", "azure-powershell"}

// settings are a parsed URI.
type settings struct {
	host, resource string // contoso.vault.azure.net, https://vault.azure.net
	cloud          azureCloud
	name           string
	endpoint       *url.URL // nil but in tests
	timeout        time.Duration
	text           map[string]string // the other options
}

func parseURI(uri string) (settings, error) {
	s, err := parse(uri)
	if err != nil {
		return settings{}, misconfigured("ParseURI", "", err, "write azurekv://name.vault.azure.net/keys/name, then options as ?name=value&…")
	}
	return s, nil
}

// parse never puts a value into an error that may be a secret.
func parse(uri string) (settings, error) {
	m := uriForm.FindStringSubmatch(uri)
	if m == nil {
		return settings{}, errors.New("that is not the URI of a key in a vault, or names one of its versions")
	}
	s := settings{host: m[1], resource: "https://" + m[2], name: m[4], timeout: hsm.DefaultTimeout, text: map[string]string{}}
	s.cloud = clouds[m[3]]
	if err := hsm.URIOptions(m[5], s.set); err != nil {
		return settings{}, err
	}
	return s, nil
}

func (s *settings) set(name, value string) (err error) {
	var ok bool
	switch name {
	case "credential":
		ok = slices.Contains(credentialKinds, value)
	case "tenant-id", "client-id":
		ok = uuidForm.MatchString(value)
	case "client-secret-file", "client-certificate-file":
		ok = strings.HasPrefix(value, "/")
	case "timeout":
		s.timeout, err = hsm.ParseTimeout(value)
		return err
	case "endpoint":
		s.endpoint, err = url.Parse(value)
		ok = err == nil && isTestServer(s.endpoint)
	case "client-secret":
		return errors.New("option client-secret: secrets are not written in a URI: name a file")
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	if !ok {
		return fmt.Errorf("option %s: its value is not understood", name)
	}
	s.text[name] = value
	return nil
}

// isTestServer allows loopback only: certificates and tokens are bound to a
// vault's own name.
func isTestServer(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && hsm.IsLoopback(u.Hostname()) && u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}

func misconfigured(operation, keyID string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: operation, KeyID: keyID, Err: err, Hint: hint}
}
