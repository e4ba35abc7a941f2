package keyuse

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCertificatesAreRenewed replaces the files under a running recorder, as
// cert-manager does: a client certificate that the collector wants, and its CA,
// hold for the next batch.
func TestCertificatesAreRenewed(t *testing.T) {
	s := startSecured(t)
	cert, key := s.files(t)
	stranger, strangersKey := otherPair(t)
	for protocol, endpoint := range map[string]string{"grpc": "https://" + s.serveGRPC(t), "http/protobuf": s.server.URL} {
		t.Run(protocol, func(t *testing.T) {
			s.spans.Store(0)
			dir := t.TempDir()
			ca, client, clientKey := filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
			replace := func(to, from string) {
				b, err := os.ReadFile(from)
				if err == nil {
					err = os.WriteFile(to+".new", b, 0o600)
				}
				if err == nil {
					err = os.Rename(to+".new", to)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			replace(ca, stranger) // a CA that did not make the collector's certificate
			replace(client, stranger)
			replace(clientKey, strangersKey)
			var log lockedLog
			r, err := Open(Options{Required: true, Log: slog.New(slog.NewTextHandler(&log, nil)), Getenv: from(
				"ENDPOINT=" + endpoint + " PROTOCOL=" + protocol + " COMPRESSION=gzip HEADERS=api-key=a%20b OTEL_BSP_SCHEDULE_DELAY=5" +
					" CERTIFICATE=" + ca + " CLIENT_CERTIFICATE=" + client + " CLIENT_KEY=" + clientKey)})
			if err != nil {
				t.Fatal(err)
			}
			recordFields(t, r, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			if err := r.Flush(ctx); err == nil {
				t.Error("the collector's CA does not count")
			}
			cancel()
			replace(client, cert) // half of it: key and certificate do not fit
			for !strings.Contains(log.String(), "cannot reload") && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			replace(clientKey, key)
			replace(ca, cert)
			ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := r.Flush(ctx); err != nil || s.spans.Load() != 1 {
				t.Errorf("%v, %d spans", err, s.spans.Load())
			}
			if err := r.Close(ctx); err != nil {
				t.Error(err)
			}
			if n := strings.Count(log.String(), "cannot reload"); n != 1 {
				t.Errorf("%d complaints:\n%s", n, log.String())
			}
		})
	}
}

// otherPair writes a certificate that nobody has asked for, and its key.
func otherPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A lockedLog may be read while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
