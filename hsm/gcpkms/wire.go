package gcpkms

import (
	"encoding/base64"
	"errors"
	"hash/crc32"
	"strings"

	"google.golang.org/api/cloudkms/v1"

	"github.com/sealmesh/sealmesh/hsm"
)

// wrapLabel separates our wraps from other ciphertexts of the key, and is the
// version of their layout.
const wrapLabel = "sealmesh/gcpkms/wrap/v1\x00"

func additionalData(ec hsm.EncryptionContext) []byte {
	return append([]byte(wrapLabel), ec.Encoded()...)
}

func checksum(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

// encryptRequest sends the CRC32C of every field, also if it is 0: without one
// the service would not check.
func encryptRequest(key []byte, ec hsm.EncryptionContext) *cloudkms.EncryptRequest {
	aad := additionalData(ec)
	return &cloudkms.EncryptRequest{
		Plaintext: base64.StdEncoding.EncodeToString(key), PlaintextCrc32c: checksum(key),
		AdditionalAuthenticatedData: base64.StdEncoding.EncodeToString(aad), AdditionalAuthenticatedDataCrc32c: checksum(aad),
		ForceSendFields: []string{"PlaintextCrc32c", "AdditionalAuthenticatedDataCrc32c"},
	}
}

func decryptRequest(wrapped []byte, ec hsm.EncryptionContext) *cloudkms.DecryptRequest {
	aad := additionalData(ec)
	return &cloudkms.DecryptRequest{
		Ciphertext: base64.StdEncoding.EncodeToString(wrapped), CiphertextCrc32c: checksum(wrapped),
		AdditionalAuthenticatedData: base64.StdEncoding.EncodeToString(aad), AdditionalAuthenticatedDataCrc32c: checksum(aad),
		ForceSendFields: []string{"CiphertextCrc32c", "AdditionalAuthenticatedDataCrc32c"},
	}
}

var (
	errDamaged  = errors.New("the answer's checksum does not match")
	errUnproven = errors.New("the answer does not say that what was sent arrived whole")
	errOtherKey = errors.New("the answer is about another key")
	errNotKMS   = errors.New("the answer is not one of Cloud KMS's")
)

// encrypted returns the wrapped key of an intact answer that is about key.
func encrypted(e *cloudkms.EncryptResponse, key string) ([]byte, error) {
	version, ok := strings.CutPrefix(e.Name, key+"/cryptoKeyVersions/")
	switch {
	case !ok || version == "" || strings.Trim(version, "0123456789") != "":
		return nil, errOtherKey
	case !e.VerifiedPlaintextCrc32c || !e.VerifiedAdditionalAuthenticatedDataCrc32c:
		return nil, errUnproven
	}
	return decode(e.Ciphertext, e.CiphertextCrc32c)
}

func decrypted(d *cloudkms.DecryptResponse) ([]byte, error) {
	key, err := decode(d.Plaintext, d.PlaintextCrc32c)
	d.Plaintext = ""
	return key, err
}

func decode(text string, sum int64) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || checksum(b) != sum {
		clear(b)
		return nil, errDamaged
	}
	return b, nil
}
