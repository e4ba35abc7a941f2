//go:build cgo && !windows

package pkcs11

import (
	"bytes"
	"testing"
	"testing/cryptotest"
)

// A data key takes from both generators: when either repeats itself, the other
// still makes it new.
func TestDataKeyIsStirredFromBoth(t *testing.T) {
	d := newShim(t, "plain")
	p := d.kek("kek")(t)
	generate := func(seed uint64) (key []byte) {
		t.Helper()
		cryptotest.SetGlobalRandom(t, seed)
		secret, _, err := p.GenerateDataKey(t.Context(), newContext(t))
		if err != nil {
			t.Fatal(err)
		}
		secret.Expose(func(b []byte) { key = bytes.Clone(b) })
		return key
	}
	if bytes.Equal(generate(1), generate(1)) {
		t.Error("the device's random numbers are not used")
	}
	d.fail("fail C_GenerateRandom 0x121 ever") // CKR_RANDOM_NO_RNG
	one := generate(1)
	if !bytes.Equal(one, generate(1)) || bytes.Equal(one, generate(2)) {
		t.Error("this process's random numbers are not used")
	}
	d.fail("fail C_GenerateRandom 0x30 ever")
	if _, _, err := p.GenerateDataKey(t.Context(), newContext(t)); err == nil {
		t.Error("a failing generator was passed over")
	}
}
