//go:build cgo && !windows

package pkcs11

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestSoftHSM(t *testing.T) {
	d := newToken(t)
	hsmtest.Run(t, hsmtest.Harness{Open: d.kek("kek"), Other: d.kek("other")})
}

func TestCloudHSM(t *testing.T) {
	d := newShim(t, "cloudhsm", "sessions 9")
	hsmtest.Run(t, hsmtest.Harness{Open: d.kek("kek"), Other: d.kek("other")})
}

func TestLuna(t *testing.T) {
	d := newShim(t, "luna")
	hsmtest.Run(t, hsmtest.Harness{Open: d.kek("kek"), Other: d.kek("other")})
}

// newNSS makes an NSS database. One process has one softoken, so that one test
// has it.
func newNSS(t testing.TB) *device {
	t.Helper()
	library, certutil := need(t, softoken...), need(t, "certutil")
	dir := t.TempDir()
	pin := write(t, filepath.Join(dir, "pin"), userPIN+"\n")
	execute(t, certutil, "-N", "-d", "sql:"+dir, "-f", pin)
	reserved := url.PathEscape(fmt.Sprintf("configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", dir))
	return &device{t: t, module: library, token: "NSS%20Certificate%20DB", query: "&pin-source=file:" + pin + "&x-init-reserved=" + reserved}
}

func TestNSS(t *testing.T) {
	d := newNSS(t)
	t.Run("AES", func(t *testing.T) {
		hsmtest.Run(t, hsmtest.Harness{Open: d.kek("kek"), Other: d.kek("other")})
	})
	t.Run("RSA", func(t *testing.T) {
		hsmtest.Run(t, hsmtest.Harness{Open: d.keyPair("pair", 2048), Other: d.keyPair("other pair", 3072), Sample: 16})
	})
	t.Run("RSA wraps offline", func(t *testing.T) { wrapsOffline(t, d) })
}

// wrapsOffline: the public key is all that an RSA wrap needs.
func wrapsOffline(t *testing.T, d *device) {
	reopen := d.keyPair("offline", 2048)
	p := reopen(t).(*provider)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	ec := newContext(t, "service", "customers")
	blob, err := p.WrapDataKey(t.Context(), hsm.NewSecret(make([]byte, hsm.DataKeySize)), ec)
	if err != nil {
		t.Fatalf("without a device: %v", err)
	}
	if err := (wrapped{ec, blob}).open(t.Context(), reopen(t)); err != nil {
		t.Error(err)
	}
}
