package policy

// keyConfig is one key: its KEKs, the context bound to its data keys, and
// limits.
type keyConfig struct {
	At place
	// URI of the KEK: awskms:///arn:…, pkcs11:token=…;object=…,
	// gcpkms:///projects/…, azurekv://vault/keys/name, transit://host/mount/key,
	// local:path. A list names several (Regions, or a Region and an HSM): each
	// wraps every data key, and any one of them unwraps it.
	KEK texts `yaml:"kek,required"`
	// How many of the KEKs must wrap a new data key before it seals. Default 1. A
	// data key that some KEKs could not wrap is replaced soon after.
	Quorum number `yaml:"quorum"`
	// What this process may do under the key: both (default), seal or open. With
	// seal it never unwraps a data key, and makes a new one every cache.soft
	// instead. With open it never makes one. So its role needs no permission for
	// the other operation.
	Use text `yaml:"use" oneof:"both|seal|open"`
	// Encryption context bound to every data key. It is not secret: a KMS logs it
	// in clear.
	Context table[text] `yaml:"context"`
	// When a new data key replaces the current one for sealing. Older values still
	// open.
	Rotate rotateConfig `yaml:"rotate"`
	// How long an unwrapped data key may be used.
	Cache cacheConfig `yaml:"cache"`
	// Where wrapped data keys are kept: inline (default), in every envelope; or
	// dir:path, dynamodb:table or postgres://host/database, in a store. All
	// processes that name the store share one data key a day, and envelopes only
	// name that key.
	Store text `yaml:"store"`
	// What happens if a new data key is needed and the store is unavailable:
	// inline (default) seals under a data key that is inline for a while, refuse
	// seals nothing until the store is back.
	StoreFallback text `yaml:"store_fallback" oneof:"inline|refuse"`
	// What the KEKs must be. A KEK that is not so is an error at start-up.
	Require *requireConfig `yaml:"require"`
	// Wrapped-key record of a pinned key, made by `sealmesh keys new`:
	// ${file:path}. A key of the deterministic suite needs one, since a new data
	// key would change every envelope.
	Record text `yaml:"record"`
}

// rotateConfig limits the use of one data key for sealing. The first limit
// reached makes a new data key.
type rotateConfig struct {
	// Age of the data key. Default 24h.
	Age duration `yaml:"age"`
	// Values sealed. Default 2147483648 (2^31).
	Uses number `yaml:"uses"`
	// Bytes sealed. Default 1024TiB.
	Bytes size `yaml:"bytes"`
}

// cacheConfig limits how long an unwrapped data key may be used.
type cacheConfig struct {
	// Soft TTL, for revocation: past it the data key is unwrapped again, in the
	// background. Default 5m.
	Soft duration `yaml:"soft"`
	// Hard TTL, for outages: past it the data key is not used. Default 1h.
	Hard duration `yaml:"hard"`
}

// requireConfig states what a KEK must be, in the words of its back end.
type requireConfig struct {
	// Who manages the KEK.
	Manager text `yaml:"manager" oneof:"customer|aws"`
	// Where the key material comes from: AWS_KMS, EXTERNAL, AWS_CLOUDHSM,
	// EXTERNAL_KEY_STORE, HSM, FILE.
	Origin text `yaml:"origin"`
	// Key specification: SYMMETRIC_DEFAULT, RSA_3072, AES_256.
	Spec text `yaml:"spec"`
	// Whether the KEK is a multi-Region key.
	MultiRegion toggle `yaml:"multi_region"`
	// Regions that must hold the KEK or a replica of it.
	Regions texts `yaml:"regions"`
	// Whether automatic rotation is on.
	Rotation text `yaml:"rotation" oneof:"enabled|disabled"`
	// Fewest days until imported key material expires.
	MinDaysToExpiry number `yaml:"min_days_to_expiry"`
}

// tagConfig is a data class.
type tagConfig struct {
	// Name of the key.
	Key text `yaml:"key,required"`
	// Suite that seals: xaes-256-gcm (default), hkdf-aes-256-gcm (default with
	// fips: required, and the only one then), or deterministic, with which equal
	// values seal to equal envelopes. On open the envelope names its suite.
	Suite text `yaml:"suite"`
	// Pairs authenticated with every value, besides the tag's name. A value opens
	// only under the pairs that it was sealed with.
	Context table[text] `yaml:"context"`
	// More such pairs, with values from the request: NAME: path.PARAM takes the
	// segment that {PARAM} matches in the path, decoded, byte for byte. So a value
	// opens only in the record that it was sealed in. Every route with the tag
	// needs {PARAM} in its path.
	ContextFrom table[text] `yaml:"context_from"`
}
