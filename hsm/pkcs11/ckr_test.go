//go:build cgo && !windows

package pkcs11

import (
	"errors"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// What decides between serving from cache, evicting and refusing.
func TestVerdicts(t *testing.T) {
	for rv, want := range map[uint]struct {
		class hsm.Class
		heal  level
	}{
		p11.CKR_DEVICE_ERROR:               {hsm.Unavailable, freshSession},
		p11.CKR_DEVICE_REMOVED:             {hsm.Unavailable, freshLogin},
		p11.CKR_SESSION_HANDLE_INVALID:     {hsm.Unavailable, freshSession},
		p11.CKR_USER_NOT_LOGGED_IN:         {hsm.Unavailable, freshSession},
		p11.CKR_TOKEN_NOT_PRESENT:          {hsm.Unavailable, freshLogin},
		p11.CKR_GENERAL_ERROR:              {hsm.Unavailable, freshSession},
		p11.CKR_CRYPTOKI_NOT_INITIALIZED:   {hsm.Unavailable, freshModule},
		p11.CKR_ENCRYPTED_DATA_INVALID:     {hsm.Corrupt, keep},
		p11.CKR_ENCRYPTED_DATA_LEN_RANGE:   {hsm.Corrupt, keep},
		0x42:                               {hsm.Corrupt, keep}, // CKR_AEAD_DECRYPT_FAILED, v3.0
		p11.CKR_PIN_INCORRECT:              {hsm.Misconfigured, keep},
		p11.CKR_PIN_LOCKED:                 {hsm.Denied, keep},
		p11.CKR_KEY_FUNCTION_NOT_PERMITTED: {hsm.Denied, keep},
		p11.CKR_MECHANISM_INVALID:          {hsm.Unsupported, keep},
		p11.CKR_VENDOR_DEFINED | 0x1234:    {hsm.Unavailable, freshSession},
	} {
		err := deviceError("C_Decrypt", "kek", p11.Error(rv))
		if got := hsm.ClassOf(err); got != want.class || healing(err) != want.heal {
			t.Errorf("0x%X: class %v, heals at %d; want %v, %d", rv, got, healing(err), want.class, want.heal)
		}
		if !returned(err, rv) {
			t.Errorf("0x%X: the code is lost", rv)
		}
	}
}

func TestVerdictsAreComplete(t *testing.T) {
	names := map[string]ckRV{}
	for rv, v := range verdicts {
		if other, ok := names[v.name]; ok {
			t.Errorf("%s is both 0x%X and 0x%X", v.name, uint(rv), uint(other))
		}
		names[v.name] = rv
		if !strings.HasPrefix(v.name, "CKR_") || v.class == 0 || v.hint == "" || strings.HasSuffix(v.hint, ".") {
			t.Errorf("0x%X: incomplete: %+v", uint(rv), v)
		}
		// The binding's own name, where it knows the code, keeps ours from a slip.
		if text := p11.Error(rv).Error(); !strings.HasSuffix(text, ": ") && !strings.HasSuffix(text, v.name) {
			t.Errorf("%s is not what the binding calls it: %s", v.name, text)
		}
		if v.class != hsm.Unavailable && v.heal != keep && v.name != "CKR_SLOT_ID_INVALID" {
			t.Errorf("%s: %v, and yet healed", v.name, v.class)
		}
	}
}

func TestDeviceErrorLeavesOthersAlone(t *testing.T) {
	if err := deviceError("C_Encrypt", "kek", errors.ErrUnsupported); err != errors.ErrUnsupported {
		t.Error(err)
	}
}
