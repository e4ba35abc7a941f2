// Package suite holds the algorithm suites: numbered ways to seal a value under
// a 32-byte data key. A number, once given, never means anything else.
//
//	id  name              payload                                  per Cipher     FIPS 140-3
//	1   xaes-256-gcm      prefix 12 | nonce 12 | ciphertext | 16   2^31 messages  no: the KDF runs outside the module
//	2   hkdf-aes-256-gcm  prefix 12 | nonce 12 | ciphertext | 16   2^31 messages  yes: approved parts only
//	3   deterministic     SIV 16 | ciphertext                      no bound       no: SIV is not approved
//
// None of them commits to its key: two keys can be made that open one payload
// to two values. The envelope commits instead: it authenticates the data key's
// id, and a key that does not match its 32-byte commitment is never used.
//
// Suites 1 and 2 hide equality, and nothing hides length. Suite 3 shows which
// values are equal under one key and context, to anyone who reads the
// ciphertext; whoever may seal can test guesses.
//
// Time does not depend on keys or plaintexts where the CPU has AES and
// carry-less multiplication instructions, as amd64, arm64, ppc64le and s390x
// servers do; elsewhere the standard library's AES looks up tables. Whether a
// payload's prefix was met before shows in the time of Open; prefixes are
// public.
package suite

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// KeySize is the length of every data key, in bytes.
const KeySize = 32

// ID is a suite's permanent number, the first byte of every envelope.
type ID uint8

// The suites.
const (
	XAES256GCM    ID = 1 // C2SP XAES-256-GCM
	HKDFAES256GCM ID = 2 // HKDF-SHA256 (RFC 5869) + AES-256-GCM (SP 800-38D): FIPS-approved parts only
	AES256SIV     ID = 3 // AES-256-SIV (RFC 5297), deterministic
)

// A Cipher seals and opens values under one data key. Safe for concurrent use.
//
// The spare capacity of dst must overlap neither of the other arguments: Seal
// fails if it does, and Open fails or panics. With enough of it, neither method
// allocates, save that Open derives a subkey when it meets a prefix for the
// first time, and that the deterministic suite makes one stream for a value of
// 2 KiB or more.
type Cipher interface {
	// Suite returns the number to write beside what Seal returns.
	Suite() ID
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
	// Approved says that every part is a FIPS 140-3 approved service of the Go
	// Cryptographic Module. GODEBUG=fips140=only does not enforce this: it lets
	// suites 1 and 3 run, since they call the raw block cipher.
	Approved bool
	// New returns a Cipher under a key of [KeySize] bytes. It keeps no reference
	// to key, which the caller may clear.
	New func(key []byte) (Cipher, error)
}

// ErrOpen is every reason why a payload does not open: too short, forged,
// changed, another key's or another context's. It tells nothing more on
// purpose.
var ErrOpen = errors.New("open: the value is not authentic")

// MaxOverhead is the largest Overhead of all suites, in bytes.
const MaxOverhead = prefixedOverhead

// maxPlaintext is where AES-SIV's 31-bit block counter would wrap, and half of
// what AES-GCM could take: 32 GiB.
const maxPlaintext = 1 << 35

var errTooLong = errors.New("seal: the value is longer than 32 GiB")

var table = [...]Suite{
	{
		ID: XAES256GCM, Name: "xaes-256-gcm", Overhead: prefixedOverhead,
		MaxMessages: maxPrefixedMessages, New: erased(newXAES),
	},
	{
		ID: HKDFAES256GCM, Name: "hkdf-aes-256-gcm", Overhead: prefixedOverhead,
		MaxMessages: maxPrefixedMessages, Approved: true, New: erased(newHKDF),
	},
	{
		ID: AES256SIV, Name: "deterministic", Overhead: blockSize, Deterministic: true,
		MaxMessages: math.MaxUint64, New: erased(newDeterministic),
	},
}

// ByID returns the suite with that number, or nil.
func ByID(id ID) *Suite {
	if id == 0 || int(id) > len(table) {
		return nil
	}
	return &table[id-1]
}

// ByName returns the suite that policies call name, or nil.
func ByName(name string) *Suite {
	for s := range All() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// All yields every suite in order of number. Entries are shared: never change
// one.
func All() iter.Seq[*Suite] {
	return func(yield func(*Suite) bool) {
		for i := range table {
			if !yield(&table[i]) {
				return
			}
		}
	}
}

func checkKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("new cipher: a data key has %d bytes, not %d", KeySize, len(key))
	}
	return nil
}
