package gcpkms

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestRequests holds what is bound, which records that exist depend on. The
// checksum of "123456789" is CRC-32C's check value (RFC 3720, B.4; Koopman).
func TestRequests(t *testing.T) {
	if got := checksum([]byte("123456789")); got != 0xe3069283 {
		t.Errorf("checksum %#x", got)
	}
	ec := hsmtest.Context(t, "service", "customers")
	const bound = `"additionalAuthenticatedData":"c2VhbG1lc2gvZ2Nwa21zL3dyYXAvdjEAAAdzZXJ2aWNlAAljdXN0b21lcnM=","additionalAuthenticatedDataCrc32c":"`
	for what, want := range map[any][]string{
		encryptRequest([]byte("123456789"), ec): {bound, `"plaintext":"MTIzNDU2Nzg5","plaintextCrc32c":"3808858755"`},
		decryptRequest([]byte("123456789"), ec): {bound, `"ciphertext":"MTIzNDU2Nzg5","ciphertextCrc32c":"3808858755"`},
		// A checksum that is 0 is sent, too.
		decryptRequest(nil, hsm.EncryptionContext{}): {`"ciphertextCrc32c":"0"`},
	} {
		text, err := json.Marshal(what)
		for _, part := range want {
			if err != nil || !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %s, %v", text, part, err)
			}
		}
	}
}
