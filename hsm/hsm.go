// Package hsm is the contract between sealmesh and the holder of a
// key-encryption key (KEK): a cloud KMS, an HSM, or a file.
//
// A KEK never leaves its [Provider]. A provider makes, wraps and unwraps
// 32-byte data keys, binds each wrap to an [EncryptionContext], and reports
// every failure as an [Error] of one [Class]. Only providers talk to a KMS, and
// a provider knows nothing about envelopes, bodies or policies.
//
// A [Keyring] holds the keys of a policy. A [Key] has one [KEK] or more, and
// each KEK has its open provider. To add a back end, see package hsmtest.
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

// A Provider is one open KEK.
//
// Every implementation passes hsmtest.Run, which checks that the encryption
// context is bound: a data key unwraps only under the context that it was
// wrapped with. All methods are safe for concurrent use and return when ctx
// ends. Their errors are of type [*Error]. They report each request to
// [Observe].
//
// A provider that holds sessions or connections also implements [io.Closer]. A
// provider that can describe its KEK also implements [Describer].
type Provider interface {
	// GenerateDataKey makes a new data key and returns it with its wrapped form.
	// The back end makes the key, if it can make random keys.
	GenerateDataKey(ctx context.Context, ec EncryptionContext) (key *Secret, wrapped []byte, err error)

	// WrapDataKey wraps a data key that another KEK made, so that any of several
	// KEKs can unwrap it. It does not retain key. A key that is not [DataKeySize]
	// bytes is [Unsupported].
	WrapDataKey(ctx context.Context, key *Secret, ec EncryptionContext) (wrapped []byte, err error)

	// UnwrapDataKey is the inverse of GenerateDataKey and WrapDataKey. wrapped is
	// untrusted. If wrapped was made by another KEK, under another context, or was
	// changed, the error is [Corrupt] and does not distinguish the three.
	UnwrapDataKey(ctx context.Context, wrapped []byte, ec EncryptionContext) (key *Secret, err error)
}

// A Describer describes its KEK, so that sealmesh can check a policy's
// `require:` when it starts and later in the background.
type Describer interface {
	Describe(ctx context.Context) (Description, error)
}

// A Description is what a back end reports about a KEK. A field that the back
// end does not know is zero.
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

	// Hints says how an operator of this back end fixes a KEK that violates a
	// requirement, without a full stop. Its keys are the names of fields in a
	// policy's require:. Other fields have a general hint.
	Hints map[string]string
}
