package transit

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// address returns the server's base URL.
func (s *settings) address() (*url.URL, error) {
	if s.host != "" {
		u := &url.URL{Scheme: "https", Host: s.host}
		if s.tlsOff {
			u.Scheme = "http"
		}
		return u, checkAddress(u)
	}
	text := environment("ADDR")
	if text == "" {
		return nil, errors.New("the URI names no server, and neither do VAULT_ADDR and BAO_ADDR")
	}
	u, err := url.Parse(text)
	if err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("VAULT_ADDR is not the URL of a server")
	}
	u.Path = ""
	return u, checkAddress(u)
}

// checkAddress refuses plain HTTP to another machine: data keys and the token
// cross this connection.
func checkAddress(u *url.URL) error {
	switch {
	case u.Hostname() == "" || u.User != nil || !portFits(u.Port()):
		return errors.New("the server's address is not a host and a port")
	case u.Scheme == "https" || u.Scheme == "http" && hsm.IsLoopback(u.Hostname()):
		return nil
	}
	return errors.New("use https: data keys cross this connection (http is for loopback only)")
}

func portFits(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// client makes the client of the server.
func (s *settings) client(logins *Logins) (*client, error) {
	namespace := cmp.Or(s.text["namespace"], environment("NAMESPACE"))
	c := &client{keyID: s.identity(namespace), timeout: s.timeout}
	if !pathForm.MatchString(cmp.Or(namespace, "root")) {
		return c, errors.New("VAULT_NAMESPACE is not the path of a namespace, without a slash at either end")
	}
	if err := checkEnvironment(); err != nil {
		return c, err
	}
	base, err := s.address()
	if err != nil {
		return c, err
	}
	noRedirect, err := redirectsDisabled()
	if err != nil {
		return c, err
	}
	over, err := s.transport()
	if err != nil {
		return c, err
	}
	if err = c.connect(base, namespace, noRedirect, over); err != nil {
		return c, err
	}
	if c.credential, err = s.credential(logins, base.String(), namespace); err != nil {
		return c, err
	}
	if c.credential.file != "" {
		_, err = readToken(c.credential.file)
	}
	return c, err
}
