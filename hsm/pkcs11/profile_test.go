package pkcs11

import "testing"

func TestDetectProfile(t *testing.T) {
	for _, tt := range []struct{ manufacturer, description, want string }{
		{"SoftHSM", "Implementation of PKCS11", "softhsm"},
		{"Mozilla Foundation", "NSS Internal Crypto Services", "nss"},
		{"Cavium Networks", "Cavium PKCS#11 library", "cloudhsm"},
		{"Amazon", "CloudHSM PKCS#11 library", "cloudhsm"},
		{"SafeNet", "Chrystoki", "luna"},
		{"IBM", "openCryptoki", ""}, // an unknown maker of IVs is not guessed at
		{"", "", ""},
	} {
		if got := detectProfile(tt.manufacturer, tt.description); got != tt.want {
			t.Errorf("%s, %s: got %q, want %q", tt.manufacturer, tt.description, got, tt.want)
		}
	}
}
