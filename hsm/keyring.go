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
	Identity   string // what stays the same when URI changes: a resolved ARN (for mrk- keys without its Region), a key's fingerprint
	Provider   Provider
	Former     []KEK // keys that URI stood for before: they unwrap and wrap nothing; see [Succeeding]
}

// Succeeding is implemented by a provider whose URI is an alias, a name that may
// be given to another key, and which knows the keys that had the name before.
type Succeeding interface {
	// Former returns those keys, each with a provider that unwraps. It asks nobody.
	Former() []KEK
}

// Ref returns the short reference by which a wrapped-key record names k: the
// first four bytes of SHA-256 over Kind, a colon, and Identity.
func (k KEK) Ref() [4]byte {
	sum := sha256.Sum256([]byte(k.Kind + ":" + k.Identity))
	return [4]byte(sum[:4])
}

// A Key is what a policy calls a key: a name, the context bound to its data
// keys, and the KEKs that wrap them.
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
	Record []byte // pinned wrapped-key record, in its text form, for keys that are made once; nil otherwise
}

// Unwrapping returns the KEKs that unwrap: k's own, and after them those that bore a
// name of theirs before.
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

// Close closes every provider of k that holds something open.
func (k *Key) Close() error {
	var errs []error
	for _, kek := range k.KEKs {
		errs = append(errs, kek.Close())
	}
	return errors.Join(errs...)
}

// Close closes k's provider where it holds something open.
func (k KEK) Close() error {
	if c, ok := k.Provider.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Use says what this process may do under a key. What it may not do it does not
// try, so that the role it runs under need not be allowed to.
type Use uint8

// The uses.
const (
	SealAndOpen Use = iota
	SealOnly        // never unwraps: past the soft bound a new data key is made instead
	OpenOnly        // never makes a data key
)

// Rotate bounds the use of one data key for sealing. A zero field takes the default.
type Rotate struct {
	Age   time.Duration
	Uses  uint64
	Bytes uint64
}

// TTLs says how long an unwrapped data key may be used. Past Soft it is
// unwrapped again in the background, so a revocation takes effect within Soft;
// past Hard it is not used, so an outage is survived for Hard. A zero field
// takes the default.
type TTLs struct {
	Soft time.Duration
	Hard time.Duration
}

// Defaults of [TTLs].
const (
	DefaultSoft = 5 * time.Minute
	DefaultHard = time.Hour // at least Soft
)

// A Keyring is the set of keys that this process may use. Only what the
// configuration lists unwraps anything: nothing is discovered from an
// envelope. Immutable, safe for concurrent use.
type Keyring struct {
	keys map[string]*Key
}

// NewKeyring takes ownership of keys.
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

// Keys returns every key, in no order.
func (r *Keyring) Keys() []*Key {
	keys := make([]*Key, 0, len(r.keys))
	for _, k := range r.keys {
		keys = append(keys, k)
	}
	return keys
}

// Close closes every provider that holds something open.
func (r *Keyring) Close() error {
	var errs []error
	for _, k := range r.keys {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}
