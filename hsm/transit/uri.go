package transit

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// settings are a parsed URI. What the URI leaves out may come from the
// environment.
type settings struct {
	host       string // "" where VAULT_ADDR names the server
	mount, key string
	tlsOff     bool
	timeout    time.Duration
	text       map[string]string // the other options
}

// textOptions are the options whose value is a text, with the form of the text.
var textOptions = map[string]*regexp.Regexp{
	"namespace":      pathForm,
	"cluster":        nameForm,
	"token-file":     fileForm,
	"auth":           regexp.MustCompile(`^(approle|kubernetes|jwt|cert)$`),
	"auth-mount":     pathForm,
	"role":           regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`),
	"jwt-file":       fileForm,
	"secret-id-file": fileForm,
	"ca-file":        fileForm,
	"cert-file":      fileForm,
	"key-file":       fileForm,
	"server-name":    nameForm,
}

var (
	// nameForm is narrower than what Transit allows: no dot or dash at either end.
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?$`)
	pathForm = regexp.MustCompile(`^[A-Za-z0-9_-]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?(/[A-Za-z0-9_-]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?)*$`)
	fileForm = regexp.MustCompile(`^/[^\x00-\x1f]+$`)
)

func parseURI(uri string) (settings, error) {
	s, err := parse(uri)
	if err != nil {
		return settings{}, misconfigured("ParseURI", "", err, "write transit://host:port/mount/key, then options as ?name=value&…")
	}
	return s, nil
}

// parse never puts a value into an error that may be a secret.
func parse(uri string) (settings, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return settings{}, errors.New("not a URI")
	}
	if !strings.HasPrefix(uri, Kind+"://") || u.Fragment != "" {
		return settings{}, errors.New("a key's URI begins with transit://")
	}
	if u.User != nil {
		return settings{}, errors.New("a URI carries no credentials: name a file by token-file")
	}
	s := settings{host: u.Host, timeout: hsm.DefaultTimeout, text: map[string]string{}}
	if s.mount, s.key = path.Split(strings.TrimPrefix(u.Path, "/")); u.RawPath != "" || !nameForm.MatchString(s.key) {
		return settings{}, errors.New("the path ends in the key's name: letters, digits, '_', '-' and '.'")
	}
	if s.mount = strings.TrimSuffix(s.mount, "/"); len(s.mount) > 256 || !pathForm.MatchString(s.mount) {
		return settings{}, errors.New("the path begins with the engine's mount")
	}
	if err := hsm.URIOptions(u.RawQuery, s.set); err != nil {
		return settings{}, err
	}
	return s, s.check()
}

func (s *settings) set(name, value string) (err error) {
	form, isText := textOptions[name]
	switch {
	case isText && form.MatchString(value):
		s.text[name] = value
	case name == "tls" && value == "off":
		s.tlsOff = true
	case name == "timeout":
		s.timeout, err = hsm.ParseTimeout(value)
		return err
	case isText || name == "tls":
		return fmt.Errorf("option %s: its value is not understood", name)
	case name == "token" || name == "secret-id" || name == "role-id":
		return fmt.Errorf("option %s: secrets are not written in a URI: name a file", name)
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}

// needs returns the option that option name requires.
var needs = map[string]string{
	"auth-mount": "auth", "role": "auth", "jwt-file": "auth", "secret-id-file": "auth",
	"cert-file": "key-file", "key-file": "cert-file",
}

func (s *settings) check() error {
	for name, other := range needs {
		if s.text[name] != "" && s.text[other] == "" {
			return fmt.Errorf("option %s needs %s", name, other)
		}
	}
	auth := s.text["auth"]
	secret := methods[auth].option
	switch {
	case auth != "" && s.text["token-file"] != "":
		return errors.New("options auth and token-file exclude each other")
	case auth != "" && auth != "cert" && s.text["role"] == "":
		return errors.New("option auth needs role")
	case (auth == "approle" || auth == "jwt") && s.text[secret] == "":
		return fmt.Errorf("option auth=%s needs %s", auth, secret)
	}
	for _, name := range []string{"jwt-file", "secret-id-file"} {
		if s.text[name] != "" && name != secret {
			return fmt.Errorf("option %s does not belong to auth=%s", name, auth)
		}
	}
	return nil
}

// identity needs the namespace resolved. Vault forbids that a mount and a
// namespace share a path, so joining them loses nothing.
func (s *settings) identity(namespace string) string {
	id := path.Join(namespace, s.mount, s.key)
	if cluster := s.text["cluster"]; cluster != "" {
		id = cluster + ":" + id
	}
	return id
}

func misconfigured(operation, keyID string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: operation, KeyID: keyID, Err: err, Hint: hint}
}
