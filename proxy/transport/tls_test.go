package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// certificate returns one for "localhost", and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, roots := certificate(t)
	o := options(t)
	o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	s := start(t, o, echo)
	client := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	conn, err := grpc.NewClient("unix:"+s.String(), grpc.WithTransportCredentials(credentials.NewTLS(client)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream := begin(t, t.Context(), conn)
	for _, n := range []int{0, 1, 5000, 1 << 20} {
		if err := stream.SendMsg(new(random(n))); err != nil {
			t.Fatal(err)
		}
		if b, err := recv(stream); err != nil || string(b) != string(random(n)) {
			t.Fatalf("%d bytes: %d, %v", n, len(b), err)
		}
	}
	_ = stream.CloseSend()
	if _, err := recv(stream); err != io.EOF {
		t.Fatal(err)
	}
}

// TestTLSWithoutH2 is no connection.
func TestTLSWithoutH2(t *testing.T) {
	t.Parallel()
	cert, roots := certificate(t)
	o := options(t)
	o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	s := start(t, o, echo)
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		nc, err := tls.Dial("unix", s.String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: protocols})
		if err != nil {
			continue
		}
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Errorf("%q is served", protocols)
		}
		nc.Close()
	}
}

// TestTLSGracefulStop says goodbye in TLS too: a truncation would look like an attack.
func TestTLSGracefulStop(t *testing.T) {
	t.Parallel()
	cert, roots := certificate(t)
	o := options(t)
	o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	s := start(t, o, echo)
	nc, err := tls.Dial("unix", s.String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	p := greet(t, nc)
	p.settled()
	done := stopping(s.GracefulStop)
	p.answerPing()
	for err = nil; err == nil; {
		err = p.listen()
	}
	if err != io.EOF || len(p.goAways) != 2 || p.goAways[1].ErrCode != http2.ErrCodeNo {
		t.Errorf("%v after %v", err, p.goAways)
	}
	nc.Close()
	<-done
}

// TestClearTextToTLS and the other way round are no connections.
func TestClearTextToTLS(t *testing.T) {
	t.Parallel()
	cert, _ := certificate(t)
	o := options(t)
	o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	for _, s := range []*serving{start(t, o, echo), start(t, options(t), echo)} {
		nc, err := net.Dial("unix", s.String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
		if b, err := io.ReadAll(nc); err != nil && len(b) > 0 {
			t.Errorf("%q, %v", b, err)
		}
	}
}
