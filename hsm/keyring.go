package hsm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A KEK is one configured key-encryption key.
type KEK struct {
	URI        string // as configured: "awskms:///arn:…", "local:path", "pkcs11:…"
	Kind       string // provider kind, the part of URI before the first colon
	ProviderID uint8  // permanent number of Kind in wrapped-key records; see hsm/builtin
	// Identity stays the same when URI changes: a resolved ARN (of an mrk- key
	// without its Region), or a key's fingerprint.
	Identity string
	Provider Provider
	Former   []KEK // keys that URI named before: they only unwrap; see [Succeeding]
}

// Succeeding is implemented by a provider whose URI is an alias (a name that can
// move to another key), and which knows the keys that had the alias before.
type Succeeding interface {
	// Former returns the earlier keys, each with a provider that only unwraps. It
	// makes no request.
	Former() []KEK
}

// Ref returns the short reference by which a wrapped-key record names k: the
// first four bytes of SHA-256 over Kind, a colon, and Identity.
func (k KEK) Ref() [4]byte {
	sum := sha256.Sum256([]byte(k.Kind + ":" + k.Identity))
	return [4]byte(sum[:4])
}

// A Key is a key of a policy, with open KEKs: a name, the context bound to its
// data keys, and the KEKs that wrap them.
type Key struct {
	Name    string
	Context EncryptionContext
	KEKs    []KEK // open, at least one, in order of preference
	// Unavailable are the KEKs of the policy that could not be opened.
	Unavailable []UnavailableKEK
	// Quorum is how many KEKs must wrap a new data key before it seals: from 1 to
	// the number of KEKs, open and unavailable.
	Quorum int

	Use    Use
	Rotate Rotate
	Cache  TTLs
	Record []byte // pinned wrapped-key record in text form, for a key that never rotates; else nil
}

// Unwrapping returns the KEKs that unwrap: those of k, and then their former
// keys.
func (k *Key) Unwrapping() []KEK {
	all := slices.Clone(k.KEKs)
	for _, kek := range k.KEKs {
		all = append(all, kek.Former...)
	}
	return all
}

// An UnavailableKEK is a KEK that could not be opened. Only an open KEK has an
// identity, so nobody knows which records this one wrapped.
type UnavailableKEK struct {
	URI string
	At  time.Time
	Err error
}

// Close closes every provider of k that is an [io.Closer].
func (k *Key) Close() error {
	var errs []error
	for _, kek := range k.KEKs {
		errs = append(errs, kek.Close())
	}
	return errors.Join(errs...)
}

// Close closes k's provider if it is an [io.Closer].
func (k KEK) Close() error {
	if c, ok := k.Provider.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Use says what this process may do under a key. The process does not try any
// other operation, so its role needs no permission for one.
type Use uint8

// Values of [Use].
const (
	SealAndOpen Use = iota
	SealOnly        // never unwraps: past the soft TTL it makes a new data key instead
	OpenOnly        // never makes a data key
)

// Rotate limits the use of one data key for sealing. A zero field stands for
// keycache's default.
type Rotate struct {
	Age   time.Duration
	Uses  uint64 // values sealed
	Bytes uint64 // bytes sealed
}

// TTLs say how long an unwrapped data key may be used. Past Soft it is
// unwrapped again in the background, so a revocation takes effect within Soft.
// Past Hard it is not used, so sealmesh survives an outage of the KMS for at
// most Hard. A zero field stands for the default.
type TTLs struct {
	Soft time.Duration
	Hard time.Duration
}

// Defaults of [TTLs].
const (
	DefaultSoft = 5 * time.Minute
	DefaultHard = time.Hour // or Soft, if that is longer
)

// A Keyring is the set of keys that this process may use. Only KEKs that the
// configuration names unwrap data keys; an envelope cannot name others.
// Immutable, safe for concurrent use.
type Keyring struct {
	keys map[string]*Key
}

// NewKeyring makes a Keyring from keys and takes ownership of them. It returns
// an error if a name is empty or used twice, a key has no open KEK, a quorum is
// out of range, or two KEKs of a key have the same [KEK.Ref].
func NewKeyring(keys ...*Key) (*Keyring, error) {
	r := &Keyring{keys: make(map[string]*Key, len(keys))}
	for _, k := range keys {
		if _, ok := r.keys[k.Name]; ok || k.Name == "" {
			return nil, fmt.Errorf("keyring: key name %q is empty or used twice", k.Name)
		}
		if all := len(k.KEKs) + len(k.Unavailable); len(k.KEKs) == 0 || k.Quorum < 1 || k.Quorum > all {
			return nil, fmt.Errorf("keyring: key %q: quorum must be between 1 and %d, and at least one KEK must be open: quorum is %d, %d open", k.Name, all, k.Quorum, len(k.KEKs))
		}
		seen := map[[4]byte]string{}
		for _, kek := range k.Unwrapping() {
			if other, ok := seen[kek.Ref()]; ok {
				return nil, fmt.Errorf("keyring: key %q: %s and %s share a reference", k.Name, other, kek.URI)
			}
			seen[kek.Ref()] = kek.URI
		}
		r.keys[k.Name] = k
	}
	return r, nil
}

// Key returns the key of that name, or nil.
func (r *Keyring) Key(name string) *Key { return r.keys[name] }

// Keys returns every key, in no particular order.
func (r *Keyring) Keys() []*Key {
	keys := make([]*Key, 0, len(r.keys))
	for _, k := range r.keys {
		keys = append(keys, k)
	}
	return keys
}

// Close closes every provider that is an [io.Closer].
func (r *Keyring) Close() error {
	var errs []error
	for _, k := range r.keys {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}
