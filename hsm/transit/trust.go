package transit

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A transport keeps its connections until the CA file changes. CAs are renewed
// in place, and a process that trusts only the old ones would lose the server.
// Safe for concurrent use.
type transport struct {
	file string // "" trusts the system's CAs
	conf *tls.Config

	mu      sync.Mutex
	changed time.Time // the file, as it was read last
	pem     []byte
	current *http.Transport
}

func (s *settings) transport() (*transport, error) {
	t := &transport{
		file: cmp.Or(s.text["ca-file"], environment("CACERT")),
		conf: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(s.text["server-name"], environment("TLS_SERVER_NAME"))},
	}
	if cert, key := s.clientCertificate(); cert != "" || key != "" {
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			return nil, fmt.Errorf("the client certificate %s cannot be used: %w", cert, err)
		}
		// Read at each handshake: such certificates are short-lived and renewed in
		// place.
		t.conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
	}
	if t.file == "" {
		t.current = connections(t.conf)
		return t, nil
	}
	return t, t.reload()
}

// clientCertificate returns the files of the client's certificate and its key.
func (s *settings) clientCertificate() (cert, key string) {
	if cert = s.text["cert-file"]; cert != "" {
		return cert, s.text["key-file"]
	}
	return environment("CLIENT_CERT"), environment("CLIENT_KEY")
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.trusting().RoundTrip(r)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (t *transport) CloseIdleConnections() { t.trusting().CloseIdleConnections() }

// trusting returns connections that trust the current CA file. A file that is
// missing or half written changes nothing: it is read again for the next
// request.
func (t *transport) trusting() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == "" {
		return t.current
	}
	if info, err := os.Stat(t.file); err == nil && !info.ModTime().Equal(t.changed) {
		_ = t.reload()
	}
	return t.current
}

func (t *transport) reload() error {
	info, err := os.Stat(t.file)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(t.file)
	if err != nil {
		return err
	}
	if !bytes.Equal(pem, t.pem) {
		conf := t.conf.Clone()
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate in PEM", t.file)
		}
		if t.current != nil {
			t.current.CloseIdleConnections() // they were made under the old CAs
		}
		t.current, t.pem = connections(conf), pem
	}
	t.changed = info.ModTime()
	return nil
}

func connections(conf *tls.Config) *http.Transport {
	t := guard.Transport()
	t.TLSClientConfig = conf
	return t
}
