package serve

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// serverTLSFor returns the mutual TLS configuration of p, nil if p has none.
// The policy loader refuses a network address without TLS.
func serverTLSFor(p *policy.Policy, log *slog.Logger) (*tls.Config, error) {
	if p.TLS == nil {
		return nil, nil
	}
	s := &serverTLS{files: *p.TLS, log: log}
	first, err := s.load()
	if err != nil {
		return nil, err
	}
	s.good.Store(first)
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: s.current}, nil
}

// serverTLS reads its files for every handshake, so a replaced certificate is
// used at once. Envoy makes few handshakes. It is safe for concurrent use.
type serverTLS struct {
	files policy.TLS
	log   *slog.Logger
	good  atomic.Pointer[tls.Config] // the last configuration that could be read
}

func (s *serverTLS) current(*tls.ClientHelloInfo) (*tls.Config, error) {
	c, err := s.load()
	if err != nil {
		s.log.Error("tls: cannot read the certificate files; the last good certificate stays in use", "error", err.Error())
		return s.good.Load(), nil
	}
	s.good.Store(c)
	return c, nil
}

func (s *serverTLS) load() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pem, err := os.ReadFile(s.files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls: %s contains no certificate", s.files.ClientCA)
	}
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		NextProtos:       []string{"h2"},
		Certificates:     []tls.Certificate{cert},
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        pool,
		VerifyConnection: s.allowed,
	}, nil
}

// allowed accepts a client whose certificate has one of the allowed names as a
// URI (such as a SPIFFE ID) or as a DNS name.
func (s *serverTLS) allowed(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	names := slices.Clone(leaf.DNSNames)
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(s.files.Allow, n) }) {
		return nil
	}
	s.log.Warn("tls: refused a client that is not in tls.allow", "names", names)
	return errors.New("tls: the client is not in tls.allow")
}
