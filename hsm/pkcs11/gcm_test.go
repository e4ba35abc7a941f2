//go:build cgo && !windows

package pkcs11

import (
	"bytes"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

func TestSettle(t *testing.T) {
	zero, mine, theirs := make([]byte, 12), bytes.Repeat([]byte{1}, 12), bytes.Repeat([]byte{2}, 12)
	sealed := bytes.Repeat([]byte{3}, sealedSize)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tt := range []struct {
		name       string
		policy     ivPolicy
		sent, back []byte
		out        []byte
		want       []byte // nil for a refusal
	}{
		{"caller's, kept", callerIV, mine, mine, sealed, mine},
		{"caller's, replaced", callerIV, mine, theirs, sealed, nil},
		{"caller's, and one appended", callerIV, mine, mine, join(sealed, theirs), nil},
		{"caller's, short", callerIV, mine, mine, sealed[1:], nil},
		{"device's, written back", deviceIV, zero, theirs, sealed, theirs},
		{"device's, left zero", deviceIV, zero, zero, sealed, nil},
		{"device's, prepended too", deviceIV, zero, theirs, join(theirs, sealed), nil},
		{"appended, 12", deviceAppends, mine, mine, join(sealed, theirs), theirs},
		{"appended, 16", deviceAppends, mine, mine, join(sealed, theirs, theirs[:4]), join(theirs, theirs[:4])},
		{"appends, but used the caller's", deviceAppends, mine, mine, sealed, mine},
		{"appends, but replaced the caller's", deviceAppends, mine, theirs, sealed, nil},
		{"appends, odd length", deviceAppends, mine, mine, join(sealed, theirs[:8]), nil},
		{"nothing", deviceAppends, mine, mine, nil, nil},
	} {
		iv, ct, ok := tt.policy.settle(tt.sent, tt.back, tt.out)
		if ok != (tt.want != nil) || ok && (!bytes.Equal(iv, tt.want) || !bytes.Equal(ct, sealed)) {
			t.Errorf("%s: got %x, %x, %t", tt.name, iv, ct, ok)
		}
	}
}

// Every way to mistake one vendor for another must end in a refusal.
func TestWrongProfileIsRefused(t *testing.T) {
	for _, tt := range []struct {
		device, profile string
		class           hsm.Class
		say             string
	}{
		// SoftHSM takes the zero IV that CloudHSM replaces, and says nothing.
		{"plain", "cloudhsm", hsm.Misconfigured, "IVs might repeat"},
		{"cloudhsm", "softhsm", hsm.Unsupported, "x-profile"},
		{"cloudhsm", "luna", hsm.Unsupported, "x-profile"},
		{"luna", "softhsm", hsm.Misconfigured, "IVs might repeat"},
		{"luna", "cloudhsm", hsm.Misconfigured, "IVs might repeat"},
	} {
		t.Run(tt.device+" as "+tt.profile, func(t *testing.T) {
			d := newShim(t, tt.device)
			d.kek("kek")
			d.profile = tt.profile
			refused(t, d.uri("kek"), tt.class, tt.say)
		})
	}
	t.Run("luna outside FIPS mode", func(t *testing.T) {
		d := newShim(t, "plain") // which uses the IV it is given
		d.kek("kek")
		d.profile = "luna"
		open(t, d.uri("kek"))
	})
}
