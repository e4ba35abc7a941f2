package gcpkms

import (
	"encoding/base64"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// wrapLabel separates our wraps from anything else that is encrypted under the
// key, and versions them.
const wrapLabel = "sealmesh/gcpkms/wrap/v1\x00"

func additionalData(ec hsm.EncryptionContext) []byte {
	return append([]byte(wrapLabel), ec.Encoded()...)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// requestBody writes JSON by hand: encoding/json would leave the data key in a
// buffer that it keeps. field is "plaintext" or "ciphertext"; base64 needs no escapes.
func requestBody(field string, value []byte, ec hsm.EncryptionContext) []byte {
	aad := additionalData(ec)
	b := make([]byte, 0, 256+base64.StdEncoding.EncodedLen(len(value))+base64.StdEncoding.EncodedLen(len(aad)))
	b = append(b, '{')
	b = appendChecked(b, field, value)
	b = append(b, ',')
	b = appendChecked(b, "additionalAuthenticatedData", aad)
	return append(b, '}')
}

// appendChecked writes a field of bytes and the one that holds its CRC32C: an
// int64, and so a string in Google's JSON.
func appendChecked(b []byte, field string, value []byte) []byte {
	b = append(b, `"`+field+`":"`...)
	b = base64.StdEncoding.AppendEncode(b, value)
	b = append(b, `","`+field+`Crc32c":"`...)
	b = strconv.AppendUint(b, uint64(checksum(value)), 10)
	return append(b, '"')
}

// encrypted and decrypted are answers. Google leaves out what is false or empty.
type encrypted struct {
	Name        string `json:"name"` // of the version
	Ciphertext  []byte `json:"ciphertext"`
	Checksum    string `json:"ciphertextCrc32c"`
	PlaintextOK bool   `json:"verifiedPlaintextCrc32c"`
	AADOK       bool   `json:"verifiedAdditionalAuthenticatedDataCrc32c"`
}

type decrypted struct {
	Plaintext []byte `json:"plaintext"`
	Checksum  string `json:"plaintextCrc32c"`
}

var (
	errDamaged  = errors.New("the answer's checksum does not match")
	errUnproven = errors.New("the answer does not say that what was sent arrived whole")
	errOtherKey = errors.New("the answer speaks of another key")
)

func (e *encrypted) verify(key string) error {
	version, ok := strings.CutPrefix(e.Name, key+"/cryptoKeyVersions/")
	switch {
	case !ok || version == "" || strings.Trim(version, "0123456789") != "":
		return errOtherKey
	case !e.PlaintextOK || !e.AADOK:
		return errUnproven
	case !matches(e.Ciphertext, e.Checksum):
		return errDamaged
	}
	return nil
}

func (d *decrypted) verify() error {
	if !matches(d.Plaintext, d.Checksum) {
		clear(d.Plaintext)
		return errDamaged
	}
	return nil
}

func matches(b []byte, sum string) bool { return strconv.FormatUint(uint64(checksum(b)), 10) == sum }
