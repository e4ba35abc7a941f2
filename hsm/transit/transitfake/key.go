package transitfake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Key says what a key is. The zero value is what `vault write -f` makes.
type Key struct {
	Type                             string // aes256-gcm96 where empty
	Derived, Exportable, AllowBackup bool
	Imported, SoftDeleted            bool
	AutoRotatePeriod                 int // seconds
	MinDecryptionVersion             int
}

type key struct {
	Key
	versions [][]byte // the first is version 1
}

// CreateKey makes a key, or replaces one.
func (s *Server) CreateKey(name string, k Key) {
	if k.Type == "" {
		k.Type = "aes256-gcm96"
	}
	made := &key{Key: k}
	made.rotate()
	s.Do(func() { s.keys[name] = made })
}

// Rotate adds a version, which encrypts from then on.
func (s *Server) Rotate(name string) { s.Do(func() { s.keys[name].rotate() }) }

// Change changes what a key is.
func (s *Server) Change(name string, f func(*Key)) { s.Do(func() { f(&s.keys[name].Key) }) }

// DeleteKey deletes a key for good.
func (s *Server) DeleteKey(name string) { s.Do(func() { delete(s.keys, name) }) }

func (k *key) rotate() {
	secret := make([]byte, 32)
	rand.Read(secret)
	k.versions = append(k.versions, secret)
}

func (s *Server) readKey(name string) (map[string]any, *refusal) {
	k := s.keys[name]
	if k == nil {
		return nil, &refusal{status: 404, messages: []string{}}
	}
	versions := map[string]int64{}
	for i := range k.versions {
		versions[strconv.Itoa(i+1)] = 1_700_000_000
	}
	data := map[string]any{
		"name": name, "type": k.Type, "derived": k.Derived, "exportable": k.Exportable,
		"allow_plaintext_backup": k.AllowBackup, "imported_key": k.Imported, "auto_rotate_period": k.AutoRotatePeriod,
		"latest_version": len(k.versions), "min_decryption_version": max(1, k.MinDecryptionVersion), "keys": versions,
		"supports_encryption": k.aead(k.versions[0]) != nil, "deletion_allowed": false,
	}
	if k.SoftDeleted {
		data["soft_deleted"] = true
	}
	return map[string]any{"data": data}, nil
}

// aead returns nil for a type that is none.
func (k *key) aead(secret []byte) cipher.AEAD {
	var a cipher.AEAD
	switch k.Type {
	case "aes128-gcm96", "aes256-gcm96":
		size := 32
		if k.Type == "aes128-gcm96" {
			size = 16
		}
		if block, err := aes.NewCipher(secret[:size]); err == nil {
			a, _ = cipher.NewGCM(block)
		}
	case "chacha20-poly1305":
		a, _ = chacha20poly1305.New(secret)
	}
	return a
}

// bytes decodes one parameter.
func bytes(fields map[string]any, name string) ([]byte, *refusal) {
	text, _ := fields[name].(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse(400, "%v", err)
	}
	return b, nil
}

// common is what encrypt and decrypt check alike.
func (k *key) common(fields map[string]any) ([]byte, *refusal) {
	aead := k.aead(k.versions[0])
	switch {
	case aead == nil && fields["associated_data"] != nil:
		return nil, refuse(400, "'[0].associated_data' provided for non-AEAD cipher suite %s", k.Type)
	case aead == nil:
		return nil, refuse(400, "message encryption not supported for key type %s", k.Type)
	case k.Derived:
		return nil, refuse(400, "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key")
	}
	return bytes(fields, "associated_data")
}

func (k *key) encrypt(fields map[string]any) (map[string]any, *refusal) {
	if fields["plaintext"] == nil {
		return nil, refuse(400, "missing plaintext to encrypt")
	}
	aad, refused := k.common(fields)
	if refused != nil {
		return nil, refused
	}
	plaintext, refused := bytes(fields, "plaintext")
	if refused != nil {
		return nil, refused
	}
	version := len(k.versions)
	nonce := make([]byte, 12)
	rand.Read(nonce)
	sealed := k.aead(k.versions[version-1]).Seal(nonce, nonce, plaintext, aad)
	return map[string]any{
		"ciphertext": fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(sealed)), "key_version": version,
	}, nil
}

func (k *key) decrypt(fields map[string]any) (map[string]any, *refusal) {
	aad, refused := k.common(fields)
	if refused != nil {
		return nil, refused
	}
	text, _ := fields["ciphertext"].(string)
	if text == "" {
		return nil, refuse(400, "missing ciphertext to decrypt")
	}
	rest, ok := strings.CutPrefix(text, "vault:v")
	number, text, found := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	switch {
	case !ok:
		return nil, refuse(400, "invalid ciphertext: no prefix")
	case !found:
		return nil, refuse(400, "invalid ciphertext: wrong number of fields")
	case err != nil:
		return nil, refuse(400, "invalid ciphertext: version number could not be decoded")
	case version > len(k.versions):
		return nil, refuse(400, "invalid ciphertext: version is too new")
	}
	version = max(version, 1) // as in the first release, whose versions began at 0
	if version < k.MinDecryptionVersion {
		return nil, refuse(400, "ciphertext or signature version is disallowed by policy (too old)")
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse(400, "invalid ciphertext: could not decode base64")
	}
	if len(sealed) < 12 {
		return nil, refuse(400, "invalid ciphertext length")
	}
	plaintext, err := k.aead(k.versions[version-1]).Open(nil, sealed[:12], sealed[12:], aad)
	if err != nil {
		return nil, refuse(400, "%v", err)
	}
	return map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plaintext)}, nil
}
