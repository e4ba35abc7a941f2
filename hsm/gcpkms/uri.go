package gcpkms

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	defaultEndpoint = "https://cloudkms.googleapis.com"
)

// keyForm allows projects by id, by number, and of a domain ("example.com:p").
var keyForm = regexp.MustCompile(`^projects/(?:[a-z0-9.-]{1,63}:)?[a-z0-9-]{1,63}/locations/([a-z0-9-]{1,63})/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}$`)

var projectForm = regexp.MustCompile(`^([a-z0-9.-]{1,63}:)?[a-z0-9-]{1,63}$`)

// settings are a parsed URI.
type settings struct {
	key, location string
	endpoint      *url.URL
	credentials   string // path, "" for Application Default Credentials
	quotaProject  string
	timeout       time.Duration
	executable    bool // the credentials may name a program
}

func parseURI(uri string) (settings, error) {
	s, err := parse(uri)
	if err != nil {
		return settings{}, misconfigured("ParseURI", "", err, "write gcpkms:///projects/…/locations/…/keyRings/…/cryptoKeys/…, then options as ?name=value&…")
	}
	return s, nil
}

func parse(uri string) (settings, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return settings{}, errors.New("not a URI")
	}
	if !strings.HasPrefix(uri, Kind+":///") || u.Fragment != "" || u.RawPath != "" {
		return settings{}, errors.New("a key's URI begins with gcpkms:/// and its name")
	}
	s := settings{key: strings.TrimPrefix(u.Path, "/"), timeout: hsm.DefaultTimeout}
	if key, version, ok := strings.Cut(s.key, "/cryptoKeyVersions/"); ok {
		return settings{}, fmt.Errorf("%.300q names version %.20q: name the key, whose versions are found", key, version)
	}
	m := keyForm.FindStringSubmatch(s.key)
	if m == nil {
		return settings{}, errors.New("that is not the name of a key")
	}
	s.location = m[1]
	s.endpoint, _ = url.Parse(defaultEndpoint)
	if err := hsm.URIOptions(u.RawQuery, s.set); err != nil {
		return settings{}, err
	}
	return s, nil
}

func (s *settings) set(name, value string) (err error) {
	switch name {
	case "credentials-file":
		if s.credentials = value; !strings.HasPrefix(value, "/") {
			return errors.New("option credentials-file: not an absolute path")
		}
	case "quota-project":
		if s.quotaProject = value; !projectForm.MatchString(value) {
			return errors.New("option quota-project: not a project")
		}
	case "endpoint":
		s.endpoint, err = parseEndpoint(value)
		return err
	case "executable-credentials":
		if s.executable = value == "allow"; !s.executable {
			return errors.New("option executable-credentials: its one value is allow")
		}
	case "timeout":
		s.timeout, err = hsm.ParseTimeout(value)
		return err
	default:
		return fmt.Errorf("unknown option %q: the options are credentials-file, endpoint, executable-credentials, quota-project and timeout", name)
	}
	return nil
}

// parseEndpoint refuses plain HTTP to another machine: data keys cross this
// connection.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("option endpoint: not the URL of an endpoint")
	}
	u.Path = ""
	if u.Scheme == "https" || u.Scheme == "http" && hsm.IsLoopback(u.Hostname()) {
		return u, nil
	}
	return nil, errors.New("option endpoint: use https: data keys cross this connection (http is for loopback only)")
}

func misconfigured(operation, keyID string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: operation, KeyID: keyID, Err: err, Hint: hint}
}
