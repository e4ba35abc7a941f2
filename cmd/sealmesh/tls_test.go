package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert, key}
}

// issue makes a certificate for 127.0.0.1 with a URI, as PEM.
func (a *authority) issue(t *testing.T, uri string, serial int64, ends time.Duration) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	id, err := url.Parse(uri)
	must(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(serial), URIs: []*url.URL{id}, DNSNames: []string{"localhost"},
		NotAfter: time.Now().Add(ends), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, about, a.cert, &private.PublicKey, a.key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// client is credentials with a certificate of that URI.
func (a *authority) client(t *testing.T, trusts *authority, uri string, ends time.Duration) credentials.TransportCredentials {
	pair, err := tls.X509KeyPair(a.issue(t, uri, 9, ends))
	must(t, err)
	return credentials.NewTLS(&tls.Config{RootCAs: trusts.pool(), ServerName: "localhost", Certificates: []tls.Certificate{pair}})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// The listener lets in who shows a certificate of the client CA with an allowed
// name, and nobody else; a certificate replaced on disk is in use from the next
// connection.
func TestTLS(t *testing.T) {
	const allowed = "spiffe://mesh/ns/edge/sa/envoy"
	ours, theirs := newAuthority(t), newAuthority(t)
	files := t.TempDir()
	put := func(serial int64) {
		cert, key := ours.issue(t, "spiffe://mesh/sealmesh", serial, time.Hour)
		must(t, os.WriteFile(filepath.Join(files, "cert"), cert, 0o600))
		must(t, os.WriteFile(filepath.Join(files, "key"), key, 0o600))
	}
	put(1)
	must(t, os.WriteFile(filepath.Join(files, "ca"), ours.pem(), 0o600))
	addr, _ := envoytest.Addresses(t)
	text := strings.Replace(testPolicy, "listen: unix://${STACK_DIR}/ext_proc.sock", fmt.Sprintf(
		"listen: tcp://%s\ntls: {cert: %[2]s/cert, key: %[2]s/key, client_ca: %[2]s/ca, allow: [%[3]q]}", addr, files, allowed), 1)
	s := serveAlone(t, text, stackOptions{})

	for _, c := range []struct {
		name  string
		creds credentials.TransportCredentials
		is    codes.Code
	}{
		{"an allowed client", ours.client(t, ours, allowed, time.Hour), codes.OK},
		{"no TLS", insecure.NewCredentials(), codes.Unavailable},
		{"no certificate", credentials.NewTLS(&tls.Config{RootCAs: ours.pool(), ServerName: "localhost"}), codes.Unavailable},
		{"another CA", theirs.client(t, ours, allowed, time.Hour), codes.Unavailable},
		{"another name", ours.client(t, ours, allowed+"2", time.Hour), codes.Unavailable},
		{"an expired certificate", ours.client(t, ours, allowed, -time.Minute), codes.Unavailable},
	} {
		if code, _ := checkHealth(t, addr, c.creds); code != c.is {
			t.Errorf("%s: %v, want %v", c.name, code, c.is)
		}
	}
	s.logged("refused a client that is not in tls.allow", 1)

	client := ours.client(t, ours, allowed, time.Hour)
	put(2)
	if code, serial := checkHealth(t, addr, client); code != codes.OK || serial != 2 {
		t.Errorf("after rotation: %v, certificate %d", code, serial)
	}
	must(t, os.WriteFile(filepath.Join(files, "cert"), []byte("half"), 0o600))
	if code, serial := checkHealth(t, addr, client); code != codes.OK || serial != 2 {
		t.Errorf("after a bad rotation: %v, certificate %d", code, serial)
	}
	s.logged("the last good certificate stays", 1)
	put(3)
	must(t, os.WriteFile(filepath.Join(files, "ca"), theirs.pem(), 0o600))
	if code, _ := checkHealth(t, addr, client); code != codes.Unavailable {
		t.Errorf("a client of the CA that was: %v", code)
	}
}

// checkHealth asks once, and returns the serial number of the server's
// certificate.
func checkHealth(t *testing.T, addr string, creds credentials.TransportCredentials) (codes.Code, int64) {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	must(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var from peer.Peer
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&from))
	if info, ok := from.AuthInfo.(credentials.TLSInfo); ok && err == nil {
		return codes.OK, info.State.PeerCertificates[0].SerialNumber.Int64()
	}
	return status.Code(err), 0
}
