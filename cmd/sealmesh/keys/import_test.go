package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// Material is read as it is, and an RSA key from PEM too.
func TestReadMaterial(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	must(t, err)
	raw := []byte("0123456789abcdef0123456789abcdef")
	for name, c := range map[string]struct{ file, want []byte }{
		"bytes": {raw, raw}, "DER": {der, der}, "PEM": {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), der},
	} {
		file := filepath.Join(t.TempDir(), "material")
		must(t, os.WriteFile(file, c.file, 0o600))
		if got, err := readMaterial(file); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A principal with the rights that `keys policy` gives administrators imports
// material, and verifies nothing, because administrators may not use the key.
func TestAdministratorsImport(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	t.Cleanup(func() { _ = k.Close() })
	cmdtest.SetAWSEnv(t)
	k.Restrict("AKIDEXAMPLE")
	for _, spec := range []string{"SYMMETRIC_DEFAULT", "RSA_2048"} {
		arn := k.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: spec})
		for _, action := range adminActions {
			k.Grant(arn, "AKIDEXAMPLE", strings.TrimPrefix(action, "kms:"))
		}
		var out bytes.Buffer
		file := filepath.Join(t.TempDir(), "material")
		err := importKey(t.Context(), &out, "awskms:///"+arn+"?timeout=1m&endpoint="+url.QueryEscape(k.URL()), file, true, time.Time{})
		if err != nil || !strings.Contains(out.String(), "imported, but not verified") {
			t.Errorf("%s: %q, %v", spec, out.String(), err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
