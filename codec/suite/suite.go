// Package suite holds the algorithm suites: numbered ways to seal a value under
// a 32-byte data key. A number, once given, never means anything else.
package suite

// ID is a suite's permanent number, the first byte of every envelope.
type ID uint8

// The suites.
const (
	XAES256GCM    ID = 1 // C2SP XAES-256-GCM
	HKDFAES256GCM ID = 2 // HKDF-SHA256 (RFC 5869) + AES-256-GCM (SP 800-38D): FIPS-approved parts only
	AES256SIV     ID = 3 // AES-256-SIV (RFC 5297), deterministic
)

// A Cipher seals and opens values under one data key. Safe for concurrent use.
type Cipher interface {
	// Seal appends the payload (prefix, nonce, ciphertext and tag, as the suite
	// lays them out) to dst.
	Seal(dst, plaintext, aad []byte) ([]byte, error)
	// Open appends the plaintext to dst. Every failure is [ErrOpen], and leaves no
	// plaintext behind.
	Open(dst, payload, aad []byte) ([]byte, error)
}

// A Suite is one entry of the table.
type Suite struct {
	ID            ID
	Name          string // as policies name it: "xaes-256-gcm", "hkdf-aes-256-gcm", "deterministic"
	Overhead      int    // payload length less plaintext length
	Deterministic bool   // equal values under equal keys and contexts seal to equal envelopes
	MaxMessages   uint64 // per Cipher: make a new one before more are sealed
	New           func(key []byte) (Cipher, error)
}

// ByID returns the suite with that number, or nil.
func ByID(id ID) *Suite { panic("not yet") }

// ByName returns the suite that policies call name, or nil.
func ByName(name string) *Suite { panic("not yet") }
