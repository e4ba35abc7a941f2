package gcpfake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// A Key says what a key is. The zero value is what `gcloud kms keys create
// --purpose encryption` makes.
type Key struct {
	Name       string // projects/…; one is made up where empty
	Purpose    string
	Protection string // SOFTWARE where empty
	Rotation   string // "7776000s"
	NoPrimary  bool
}

type key struct {
	Key
	versions []version // the first is version 1
	primary  int
}

type version struct {
	aead  cipher.AEAD
	state string
}

// CreateKey makes a key and returns its name.
func (s *Server) CreateKey(k Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.Name == "" {
		k.Name = fmt.Sprintf("projects/sealmesh-test/locations/europe-west4/keyRings/ring/cryptoKeys/key-%d", len(s.keys)+1)
	}
	if k.Purpose == "" {
		k.Purpose = "ENCRYPT_DECRYPT"
	}
	if k.Protection == "" {
		k.Protection = "SOFTWARE"
	}
	made := &key{Key: k}
	made.rotate()
	s.keys[k.Name] = made
	return k.Name
}

// Rotate adds a version and makes it the primary one.
func (s *Server) Rotate(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[name].rotate()
}

// SetState sets the state of a version: ENABLED, DISABLED, DESTROY_SCHEDULED, …
func (s *Server) SetState(name string, version int, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[name].versions[version-1].state = state
}

func (k *key) rotate() {
	secret := make([]byte, 32)
	rand.Read(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	k.versions = append(k.versions, version{aead, "ENABLED"})
	k.primary = len(k.versions)
}

func (k *key) versionName(n int) string { return k.Name + "/cryptoKeyVersions/" + strconv.Itoa(n) }

func (k *key) describe() map[string]any {
	out := map[string]any{
		"name": k.Name, "purpose": k.Purpose, "createTime": "2026-01-01T00:00:00Z",
		"versionTemplate": map[string]any{"protectionLevel": k.Protection, "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"},
	}
	if !k.NoPrimary {
		out["primary"] = map[string]any{
			"name": k.versionName(k.primary), "state": k.versions[k.primary-1].state, "protectionLevel": k.Protection,
			"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "createTime": "2026-01-01T00:00:00Z",
		}
	}
	if k.Rotation != "" {
		out["rotationPeriod"] = k.Rotation
	}
	return out
}

// input is EncryptRequest and DecryptRequest. An int64 is a string in this
// JSON.
type input struct {
	Plaintext     []byte `json:"plaintext"`
	Ciphertext    []byte `json:"ciphertext"`
	AAD           []byte `json:"additionalAuthenticatedData"`
	PlaintextCRC  *int64 `json:"plaintextCrc32c,string"`
	CiphertextCRC *int64 `json:"ciphertextCrc32c,string"`
	AADCRC        *int64 `json:"additionalAuthenticatedDataCrc32c,string"`
}

func checksum(b []byte) int64 {
	return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func mismatch(field string, b []byte, sum *int64) *refusal {
	if sum == nil || *sum == checksum(b) {
		return nil
	}
	return invalid(fmt.Sprintf("The checksum in field %s_crc32c did not match the data in field %s.", field, field))
}

func (k *key) usable(n int) *refusal {
	if state := k.versions[n-1].state; state != "ENABLED" {
		return &refusal{Code: 400, Status: "FAILED_PRECONDITION", Message: fmt.Sprintf("%s is not enabled, current state is: %s.", k.versionName(n), state)}
	}
	return nil
}

// marker begins every ciphertext; a hash of the key's name and the version's
// number follow, then nonce, ciphertext and tag.
const marker = "\x0a\x24\x00"

func (k *key) hint() []byte {
	sum := sha256.Sum256([]byte(k.Name))
	return append([]byte(marker), sum[:8]...)
}

const limit = 64 << 10

func (k *key) encrypt(in input) (map[string]any, *refusal) {
	if k.Protection == "HSM" && len(in.Plaintext)+len(in.AAD) > 8<<10 || len(in.Plaintext) > limit || len(in.AAD) > limit || len(in.Plaintext) == 0 {
		return nil, invalid("The plaintext or the additional authenticated data is too long.")
	}
	for _, refused := range []*refusal{mismatch("plaintext", in.Plaintext, in.PlaintextCRC), mismatch("additional_authenticated_data", in.AAD, in.AADCRC)} {
		if refused != nil {
			return nil, refused
		}
	}
	if k.NoPrimary {
		return nil, &refusal{Code: 400, Status: "FAILED_PRECONDITION", Message: k.Name + " does not have a primary version."}
	}
	if refused := k.usable(k.primary); refused != nil {
		return nil, refused
	}
	nonce := make([]byte, 12)
	rand.Read(nonce)
	head := slices.Clip(binary.BigEndian.AppendUint32(k.hint(), uint32(k.primary)))
	ciphertext := k.versions[k.primary-1].aead.Seal(append(head, nonce...), nonce, in.Plaintext, append(head, in.AAD...))
	out := map[string]any{
		"name": k.versionName(k.primary), "ciphertext": base64.StdEncoding.EncodeToString(ciphertext),
		"ciphertextCrc32c": strconv.FormatInt(checksum(ciphertext), 10), "protectionLevel": k.Protection,
	}
	if in.PlaintextCRC != nil {
		out["verifiedPlaintextCrc32c"] = true
	}
	if in.AADCRC != nil {
		out["verifiedAdditionalAuthenticatedDataCrc32c"] = true
	}
	return out, nil
}

func (k *key) decrypt(in input) (map[string]any, *refusal) {
	for _, refused := range []*refusal{mismatch("ciphertext", in.Ciphertext, in.CiphertextCRC), mismatch("additional_authenticated_data", in.AAD, in.AADCRC)} {
		if refused != nil {
			return nil, refused
		}
	}
	n := len(marker) + 8
	if len(in.Ciphertext) < n+4+12+16 || string(in.Ciphertext[:len(marker)]) != marker {
		return nil, invalid("Decryption failed: the ciphertext is invalid.")
	}
	if string(in.Ciphertext[:n]) != string(k.hint()) {
		return nil, invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.")
	}
	number := binary.BigEndian.Uint32(in.Ciphertext[n:])
	if number == 0 || int64(number) > int64(len(k.versions)) {
		return nil, invalid("Decryption failed: the ciphertext is invalid.")
	}
	if refused := k.usable(int(number)); refused != nil {
		return nil, refused
	}
	head, rest := in.Ciphertext[:n+4:n+4], in.Ciphertext[n+4:]
	plaintext, err := k.versions[number-1].aead.Open(nil, rest[:12], rest[12:], append(head, in.AAD...))
	if err != nil {
		return nil, invalid("Decryption failed: verify that 'ciphertext' and 'additional_authenticated_data' are correct.")
	}
	return map[string]any{
		"plaintext": base64.StdEncoding.EncodeToString(plaintext), "plaintextCrc32c": strconv.FormatInt(checksum(plaintext), 10),
		"usedPrimary": int(number) == k.primary, "protectionLevel": k.Protection,
	}, nil
}
