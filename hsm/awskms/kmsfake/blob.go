package kmsfake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
)

// A symmetric ciphertext is 152 bytes longer than its plaintext, as KMS's are:
// a header (version, hash of the key, hash of its material, zeros), a random
// nonce, the ciphertext and the tag of AES-256-GCM over the header and the
// encryption context. Every byte is authenticated.
const (
	headerSize  = 124
	nonceSize   = 12
	tagSize     = 16
	blobVersion = 1
)

func (k *key) header() []byte {
	h := make([]byte, headerSize)
	h[0] = blobVersion
	name := k.hash()
	copy(h[1:], name[:])
	material := sha256.Sum256(k.aes)
	copy(h[33:], material[:])
	return h
}

func (k *key) seal(plaintext []byte, context map[string]string) []byte {
	header := k.header()
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	return k.gcm().Seal(append(bytes.Clone(header), nonce...), nonce, plaintext, additionalData(header, context))
}

// owner finds the key that made blob, by name only.
func (r *regionState) owner(blob []byte) *key {
	if len(blob) < headerSize+nonceSize+tagSize || blob[0] != blobVersion {
		return nil
	}
	for _, k := range r.keys {
		if name := k.hash(); bytes.Equal(blob[1:33], name[:]) {
			return k
		}
	}
	return nil
}

func (k *key) open(blob []byte, context map[string]string) ([]byte, *Exception) {
	header, rest := blob[:headerSize], blob[headerSize:]
	plaintext, err := k.gcm().Open([]byte{}, rest[:nonceSize], rest[nonceSize:], additionalData(header, context))
	if err != nil || !bytes.Equal(header, k.header()) {
		return nil, exception("InvalidCiphertextException", "")
	}
	return plaintext, nil
}

func (k *key) gcm() cipher.AEAD {
	block, err := aes.NewCipher(k.aes)
	if err != nil {
		panic(err) // material is 32 bytes by construction
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func additionalData(header []byte, context map[string]string) []byte {
	pairs, err := json.Marshal(context) // sorted by name
	if err != nil {
		panic(err)
	}
	if len(context) == 0 {
		pairs = nil // absent and empty are the same to KMS
	}
	return append(bytes.Clone(header), pairs...)
}
