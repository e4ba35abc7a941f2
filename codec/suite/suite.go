// Package suite holds the algorithm suites: numbered ways to seal a value under
// a 32-byte data key. The numbers are permanent.
//
//	id  name              payload                                  per Cipher     FIPS 140-3
//	1   xaes-256-gcm      prefix 12 | nonce 12 | ciphertext | 16   2^31 messages  no: the KDF runs outside the module
//	2   hkdf-aes-256-gcm  prefix 12 | nonce 12 | ciphertext | 16   2^31 messages  yes: approved parts only
//	3   deterministic     SIV 16 | ciphertext                      no limit       no: SIV is not approved
//
// No suite commits to its key: an attacker can make one payload that two keys
// open to two values. The envelope commits instead: it authenticates the data
// key's id, and a data key that does not match its 32-byte commitment is never
// used.
//
// No suite hides the length of a value. Suites 1 and 2 hide whether two values
// are equal. Suite 3 reveals whether two values under one key and context are
// equal. So anyone who reads envelopes and may seal can test guesses.
//
// On CPUs with instructions for AES and carry-less multiplication (servers with
// amd64, arm64, ppc64le or s390x), the time of an operation does not depend on
// the bytes of keys and plaintexts. On other CPUs the standard library's AES
// uses lookup tables, and the time may depend on them. The time of Open shows
// whether the Cipher has seen the payload's prefix before; prefixes are public.
package suite

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// KeySize is the length of every data key, in bytes.
const KeySize = 32

// ID is the permanent number of a suite, the first byte of every envelope.
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
// fails if it does, and Open fails or panics. With enough spare capacity the
// methods do not allocate, with two exceptions: Open derives a subkey when it
// meets a prefix for the first time, and the deterministic suite makes one key
// stream for a value of 2 KiB or more.
type Cipher interface {
	// Suite returns the number to store with the payload.
	Suite() ID
	// Seal seals plaintext and appends the payload to dst. The layout is the
	// suite's; see the table above.
	Seal(dst, plaintext, aad []byte) ([]byte, error)
	// Open appends the plaintext to dst. Every failure is [ErrOpen], and leaves no
	// plaintext in memory.
	Open(dst, payload, aad []byte) ([]byte, error)
}

// A Suite is one entry of the table.
type Suite struct {
	ID            ID
	Name          string // as policies name it: "xaes-256-gcm", "hkdf-aes-256-gcm", "deterministic"
	Overhead      int    // payload length less plaintext length
	Deterministic bool   // equal values under equal keys and contexts seal to equal envelopes
	MaxMessages   uint64 // per Cipher: make a new Cipher before it seals more
	// Approved: every part is a FIPS 140-3 approved service of the Go
	// Cryptographic Module. GODEBUG=fips140=only does not enforce this: suites 1
	// and 3 call the raw block cipher, which it lets run.
	Approved bool
	// New returns a Cipher under a key of [KeySize] bytes. It keeps no reference
	// to key: the caller may clear it.
	New func(key []byte) (Cipher, error)
}

// ErrOpen is the error of a payload that does not open. It is the same for a
// payload that is too short, was forged or changed, or belongs to another key
// or context: an attacker learns nothing from it.
var ErrOpen = errors.New("open: the value is not authentic")

// MaxOverhead is the largest Overhead of all suites, in bytes.
const MaxOverhead = prefixedOverhead

// maxPlaintext is 32 GiB in bytes: there AES-SIV's 31-bit block counter would
// wrap. AES-GCM could take twice as much.
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

// ByID returns the suite with number id, or nil.
func ByID(id ID) *Suite {
	if id == 0 || int(id) > len(table) {
		return nil
	}
	return &table[id-1]
}

// ByName returns the suite that policies call by name, or nil.
func ByName(name string) *Suite {
	for s := range All() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// All yields every suite in order of number. The entries are shared: do not
// change them.
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
