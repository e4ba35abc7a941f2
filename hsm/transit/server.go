package transit

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// environment returns the variable that OpenBao, or else Vault, would read.
func environment(name string) string {
	return cmp.Or(os.Getenv("BAO_"+name), os.Getenv("VAULT_"+name))
}

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
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("VAULT_ADDR is not the URL of a server")
	}
	u.Path = ""
	return u, checkAddress(u)
}

// checkAddress refuses plain HTTP to another machine: data keys and the token
// cross this connection.
func checkAddress(u *url.URL) error {
	switch {
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !portFits(u.Port()):
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

func (s *settings) httpClient() (*http.Client, error) {
	conf, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	return rest.Client(conf), nil
}

func (s *settings) tlsConfig() (*tls.Config, error) {
	if skip, err := strconv.ParseBool(cmp.Or(environment("SKIP_VERIFY"), "false")); skip || err != nil {
		return nil, errors.New("VAULT_SKIP_VERIFY is set, and data keys cross this connection: trust the server's CA by ca-file instead")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(s.text["server-name"], environment("TLS_SERVER_NAME"))}
	if file := cmp.Or(s.text["ca-file"], environment("CACERT")); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", file)
		}
	}
	cert, key := s.text["cert-file"], s.text["key-file"]
	if cert == "" {
		cert, key = environment("CLIENT_CERT"), environment("CLIENT_KEY")
	}
	if cert == "" && key == "" {
		return conf, nil
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return nil, fmt.Errorf("the client certificate %s cannot be used: %w", cert, err)
	}
	// Read at each handshake: such certificates are short-lived and renewed in place.
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(cert, key)
		return &pair, err
	}
	return conf, nil
}
