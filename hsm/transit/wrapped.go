package transit

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// wrapLabel separates our wraps from other ciphertexts of the key, and is the
// version of their layout. It also keeps the additional data from being empty,
// which Transit would treat as none.
const wrapLabel = "sealmesh/transit/wrap/v1\x00"

const (
	form1      = 1
	sealedSize = 12 + hsm.DataKeySize + 16 // nonce, ciphertext, tag: the same for both types
)

// WrappedSize is the length in bytes of every data key wrapped here.
const WrappedSize = 1 + 4 + sealedSize

// pack turns "vault:v7:<base64>" into the bytes of a wrap. It reports false for
// anything but one sealed data key in canonical form.
func pack(ciphertext string) ([]byte, bool) {
	text, ok := strings.CutPrefix(ciphertext, "vault:v")
	number, text, found := strings.Cut(text, ":")
	version, err := strconv.ParseUint(number, 10, 31)
	if !ok || !found || err != nil || version == 0 || strconv.FormatUint(version, 10) != number || len(text) != base64.StdEncoding.EncodedLen(sealedSize) {
		return nil, false
	}
	wrapped := binary.BigEndian.AppendUint32([]byte{form1}, uint32(version))
	wrapped, err = base64.StdEncoding.Strict().AppendDecode(wrapped, []byte(text))
	return wrapped, err == nil && len(wrapped) == WrappedSize
}

// unpack is the inverse of pack. It refuses version 0: Transit reads it as 1,
// and one data key must not have two wraps that open.
func unpack(wrapped []byte) (ciphertext string, ok bool) {
	if len(wrapped) != WrappedSize || wrapped[0] != form1 {
		return "", false
	}
	version := binary.BigEndian.Uint32(wrapped[1:])
	if version == 0 || version > 1<<31-1 {
		return "", false
	}
	return "vault:v" + strconv.FormatUint(uint64(version), 10) + ":" + base64.StdEncoding.EncodeToString(wrapped[5:]), true
}

func additionalData(ec hsm.EncryptionContext) []byte {
	return append([]byte(wrapLabel), ec.Encoded()...)
}

// encryptBody and decryptBody write JSON by hand: encoding/json would leave the
// data key in a buffer that it keeps. Base64 needs no escapes.
func encryptBody(key []byte, ec hsm.EncryptionContext) []byte {
	b := make([]byte, 0, 128+base64.StdEncoding.EncodedLen(len(wrapLabel)+hsm.MaxContextBytes))
	b = append(b, `{"plaintext":"`...)
	b = base64.StdEncoding.AppendEncode(b, key)
	return appendAssociatedData(b, ec)
}

func decryptBody(ciphertext string, ec hsm.EncryptionContext) []byte {
	return appendAssociatedData([]byte(`{"ciphertext":"`+ciphertext), ec)
}

func appendAssociatedData(b []byte, ec hsm.EncryptionContext) []byte {
	b = append(b, `","associated_data":"`...)
	b = base64.StdEncoding.AppendEncode(b, additionalData(ec))
	return append(b, `"}`...)
}
