package gcpkms

import (
	"encoding/json"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestRequestBody holds what is bound, which records that exist depend on. The
// checksum of "123456789" is CRC-32C's check value (RFC 3720, B.4; Koopman).
func TestRequestBody(t *testing.T) {
	if got := checksum([]byte("123456789")); got != 0xe3069283 {
		t.Errorf("checksum %#x", got)
	}
	got := string(requestBody("plaintext", []byte("123456789"), hsmtest.Context(t, "service", "customers")))
	want := `{"plaintext":"MTIzNDU2Nzg5","plaintextCrc32c":"3808858755","additionalAuthenticatedData":"c2VhbG1lc2gvZ2Nwa21zL3dyYXAvdjEAAAdzZXJ2aWNlAAljdXN0b21lcnM=","additionalAuthenticatedDataCrc32c":"`
	if !json.Valid([]byte(got)) || len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("%s", got)
	}
	if body := requestBody("ciphertext", nil, hsm.EncryptionContext{}); !json.Valid(body) {
		t.Errorf("%s", body)
	}
}
