package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A connection that is made later uses the password and the CA that the files
// hold then; while a file is not there, those of before.
func TestRenew(t *testing.T) {
	dir := t.TempDir()
	ca, passwords := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "pgpass")
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ca, newCA(t))
	write(passwords, []byte("*:*:*:*:first\n"))
	url := "postgres://me@db.example/keys?sslmode=verify-full&sslrootcert=" + ca + "&passfile=" + passwords
	c, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	before := c.TLSConfig.RootCAs
	write(ca, newCA(t))
	write(passwords, []byte("*:*:*:*:second\n"))
	renew(c, url)
	if c.Password != "second" || c.TLSConfig.RootCAs.Equal(before) || c.TLSConfig.ServerName != "db.example" {
		t.Errorf("password %q, the CA is the same: %v", c.Password, c.TLSConfig.RootCAs.Equal(before))
	}
	now := c.TLSConfig.RootCAs
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	renew(c, url)
	if c.Password != "second" || !c.TLSConfig.RootCAs.Equal(now) {
		t.Error("a file that is not there for a moment takes the last good CA away")
	}
}

func newCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
