// Package gcpkms is the provider for symmetric keys in Google Cloud KMS: of any
// protection level (SOFTWARE, HSM, EXTERNAL, EXTERNAL_VPC), generated or
// imported. It speaks the REST API, version 1. The gRPC client would add some
// two hundred modules to go.mod for the three requests made here.
//
// # URI
//
//	gcpkms:///projects/p/locations/europe-west4/keyRings/r/cryptoKeys/customers
//
// The name is that of the key and not of one version: Cloud KMS wraps with the
// primary version, and finds the one that unwraps. Options, each at most once:
//
//	credentials-file=/path  of a service account, a federated identity or a user,
//	                        where it is not Application Default Credentials
//	quota-project=p         whose quota is used; else GOOGLE_CLOUD_QUOTA_PROJECT
//	endpoint=url            a regional endpoint (https://cloudkms.europe-west4.rep.googleapis.com),
//	                        Private Service Connect, or a test's server; https
//	                        only, but for loopback
//	timeout=2s              one try, from dialling to the last byte
//
// Application Default Credentials are those of every Google tool:
// GOOGLE_APPLICATION_CREDENTIALS, then gcloud's file, then the metadata server of
// GKE (Workload Identity), Compute Engine, Cloud Run. The first token is fetched at
// the start, so that missing credentials are found then.
//
// The identity of the KEK is the key's name, without versions.
//
// # Permissions
//
//	seals                cloudkms.cryptoKeyVersions.useToEncrypt   roles/cloudkms.cryptoKeyEncrypter
//	opens                cloudkms.cryptoKeyVersions.useToDecrypt   roles/cloudkms.cryptoKeyDecrypter
//	require:, describe   cloudkms.cryptoKeys.get                   roles/cloudkms.viewer
//
// With the last one, a key that cannot be a KEK is an error at the start, and a
// version that was disabled is told from a key that was. The key is made by
//
//	gcloud kms keys create customers --keyring r --location europe-west4 \
//	    --purpose encryption --rotation-period 90d --next-rotation-time …
//
// A role that only seals cannot open what others sealed, but it makes the data
// keys that it seals with.
//
// # What is bound
//
// The additional authenticated data of each wrap is "sealmesh/gcpkms/wrap/v1", a
// zero byte and [hsm.EncryptionContext.Encoded]. Cloud KMS authenticates it at every
// protection level, and does not log it. HSM keys take 8 KiB of it.
//
// A data key is made here, from crypto/rand, and wrapped by encrypt: Cloud KMS
// makes no data keys. A wrapped data key is what encrypt returns, some 110 bytes.
//
// Every request carries the CRC32C of what it sends, every answer must say that it
// was verified and carry its own, and an answer must speak of this key. Anything
// else is damage on the way, and the request is tried again.
//
// # Failure
//
// A failed request is tried three times at most, with back-offs of at most
// 200 ms and full jitter; what a second try cannot mend is tried once. The
// caller's deadline bounds all of it.
//
// A primary version that is disabled or destroyed is denied. Another version that is
// concerns the records that it wrapped and not the KEK, so it is misconfigured:
// those data keys end, the others are used. Cloud KMS is slow to tell: a change of
// permissions takes effect within minutes there, a disabled version within hours
// at worst, mostly at once.
//
// Cloud KMS gives no request ids. Data Access audit logs, which have to be
// switched on, show each call with the principal and the key.
//
// # Tests
//
// The conformance suite runs against hsm/gcpkms/gcpfake and, where
// SEALMESH_TEST_GCPKMS names a key's URI, against Google.
package gcpkms
