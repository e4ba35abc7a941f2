package local_test

import (
	"encoding/hex"
	"testing"
)

// Computed by another implementation of HMAC and AES-GCM, over nonce f0…fb.
const (
	goldenIdentity = "a28e0d2169fc6a71e5826bca9d7602a2"
	goldenWrapped  = "f0f1f2f3f4f5f6f7f8f9fafb59377133480fe443a7ce96f8ed2e07d020d06bf10c3279af6e6f52c23a57b7612097151582f582e457e80dd39d8c9fb7"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
