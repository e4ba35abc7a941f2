// Package hsm is the contract between sealmesh and whatever holds a
// key-encryption key (KEK): a cloud KMS, an HSM, or a file.
//
// A KEK never leaves its [Provider]. A provider makes, wraps and unwraps
// 32-byte data keys, binds each wrap to an [EncryptionContext], and reports
// every failure as one of the classes in [Class]. Nothing else in sealmesh talks to
// a KMS, and a provider knows nothing of envelopes, bodies or policies: adding
// one touches one folder below this one and a line in hsm/builtin.
package hsm

import (
	"context"
	"time"
)

// DataKeySize is the length in bytes of every data key.
const DataKeySize = 32

// MaxWrappedSize is the longest wrapped data key, in bytes, that sealmesh
// accepts. AWS KMS documents 6,144 as its own upper bound.
const MaxWrappedSize = 6144

// A Provider is one KEK, opened and ready.
//
// Every implementation passes hsmtest.Run, which proves that the encryption
// context is bound: a data key unwraps only under the context it was wrapped
// with. All methods are safe for concurrent use, honour ctx, and return errors
// that [ClassOf] can classify.
type Provider interface {
	// GenerateDataKey makes a new data key, and returns it together with its
	// wrapped form. Where the back end can make random keys itself, it does.
	GenerateDataKey(ctx context.Context, ec EncryptionContext) (key *Secret, wrapped []byte, err error)

	// WrapDataKey wraps a data key that another KEK made, so that one data key
	// can be opened by any of several KEKs. It does not retain key.
	WrapDataKey(ctx context.Context, key *Secret, ec EncryptionContext) (wrapped []byte, err error)

	// UnwrapDataKey is the inverse of both. wrapped is untrusted input of at
	// most [MaxWrappedSize] bytes. A wrap that was made by another KEK, under
	// another context, or changed since, is [Corrupt]: the three are not told
	// apart.
	UnwrapDataKey(ctx context.Context, wrapped []byte, ec EncryptionContext) (key *Secret, err error)
}

// A provider that holds sessions or connections implements [io.Closer] too.
// One that can tell what its KEK is implements [Describer].

// A Describer reports what a KEK is, so that a policy's `require:` can be
// checked when sealmesh starts and again in the background.
type Describer interface {
	Describe(ctx context.Context) (Description, error)
}

// A Description is what a back end says of a KEK. A field that the back end has
// no notion of is left zero.
type Description struct {
	Kind         string    // provider kind: "awskms", "pkcs11", "local", …
	KeyID        string    // resolved identity: an ARN, a PKCS#11 URI
	Manager      string    // "customer" or "aws"
	Origin       string    // "AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"; "HSM"; "FILE"
	Spec         string    // "SYMMETRIC_DEFAULT", "RSA_3072", "AES_256", …
	State        string    // "Enabled", "Disabled", "PendingDeletion", …
	MultiRegion  bool      // the key is a multi-Region key
	Regions      []string  // Regions that hold the key or a replica of it
	Rotation     string    // "enabled", "disabled", or "" where unknown
	RotationDays int       // rotation period in days, 0 where unknown
	Expires      time.Time // when the key or its imported material expires; zero for never

	// Hints say, by field of a policy's require:, what an operator of this back end does
	// about a KEK that is not so, without a full stop. A field that is not here has a
	// hint that serves any back end.
	Hints map[string]string
}
