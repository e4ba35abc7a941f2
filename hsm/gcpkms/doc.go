// Package gcpkms is the provider for symmetric keys in Google Cloud KMS: of any
// protection level (SOFTWARE, HSM, EXTERNAL, EXTERNAL_VPC), generated or
// imported. It asks by Google's own SDK: google.golang.org/api/cloudkms/v1
// (REST, version 1) for the keys, cloud.google.com/go/auth for tokens. The gRPC
// client, cloud.google.com/go/kms, weighs 1.4 MB more for the same three
// requests, and retries by itself.
//
// # URI
//
//	gcpkms:///projects/p/locations/europe-west4/keyRings/r/cryptoKeys/customers
//
// The name is that of the key and not of one version: Cloud KMS wraps with the
// primary version, and finds the one that unwraps. Options, each at most once:
//
//	credentials-file=/path  of a service account, a federated identity, one that is
//	                        impersonated, or a user; else GOOGLE_APPLICATION_CREDENTIALS
//	executable-credentials=allow
//	                        the file may name a program to run for a token
//	                        (credential_source.executable), which the SDK runs where
//	                        GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1, too
//	quota-project=p         whose quota is used; else GOOGLE_CLOUD_QUOTA_PROJECT
//	endpoint=url            a regional endpoint (https://cloudkms.europe-west4.rep.googleapis.com),
//	                        Private Service Connect, or a test's server; https
//	                        only, but for loopback
//	timeout=2s              one try, from dialling to the last byte
//
// Without a file it is the metadata server's service account: that of GKE
// (Workload Identity), Compute Engine, Cloud Run. gcloud's own login is a
// developer's, and is used where credentials-file names it. The first token is
// fetched at the start, so that missing credentials are found then. The SDK
// keeps tokens, and renews them in the background before they expire.
//
// # What the environment may not do
//
// These are errors at the start: GCE_METADATA_HOST beyond this machine's own
// network, GOOGLE_API_USE_CLIENT_CERTIFICATE and
// EXPERIMENTAL_GOOGLE_API_USE_S2A, by which the SDK runs a program or asks a
// proxy for certificates, and GOOGLE_CLOUD_UNIVERSE_DOMAIN without endpoint=.
// GOOGLE_SDK_GO_LOGGING_LEVEL has no effect, since what it shows holds data
// keys. HTTPS_PROXY is asked for TLS tunnels; HTTP_PROXY is never, since a
// metadata server's tokens would pass it in clear. Plain HTTP stays on this
// machine's own network, whatever a credentials file names.
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
// version that was disabled is told from a key that was. Roles that open want
// it. The key is made by
//
//	gcloud kms keys create customers --keyring r --location europe-west4 \
//	    --purpose encryption --rotation-period 90d --next-rotation-time …
//
// A role that only seals cannot open what others sealed, but it makes the data
// keys that it seals with.
//
// # What is bound
//
// The additional authenticated data of each wrap is "sealmesh/gcpkms/wrap/v1",
// a zero byte and [hsm.EncryptionContext.Encoded]. Cloud KMS authenticates it
// at every protection level, and does not log it. HSM keys take 8 KiB of it.
//
// A data key is made here, from crypto/rand, and wrapped by encrypt: Cloud KMS
// makes no data keys. A wrapped data key is what encrypt returns, some 110
// bytes.
//
// Every request carries the CRC32C of what it sends, every answer must say that
// it was verified and carry its own, and an answer must speak of this key.
// Anything else is damage on the way, and the request is tried again.
//
// # Failure
//
// A failed request is tried three times at most, with back-offs of at most
// 200 ms and full jitter; what a second try cannot help is tried once. The
// caller's deadline bounds all of it, but for the wait on another caller who is
// fetching the token: timeout= bounds that.
//
// A primary version that is disabled or destroyed is denied, and so are a key
// that is not there and a principal that may not use it. Another version that
// is disabled concerns the records that it wrapped and not the KEK, so it is
// misconfigured: those data keys end, the others are used. Which version is the
// primary one is asked at that moment; where cryptoKeys.get is not allowed, the
// answer is unclear, as it is where Cloud KMS contradicts itself while a change
// spreads. Also unclear are refusals that may be an outage, codes that nobody
// has listed, and whatever the token service or STS says. An answer without one
// of Google's codes is an intermediary's: unavailable.
//
// Cloud KMS is slow to tell: a change of permissions takes effect within
// minutes there, a disabled version within hours at worst, mostly at once.
//
// No text of an answer, and none of the SDK's, gets into an error. The SDK
// passes data keys as base64 in strings, which nobody can clear: they go when
// the garbage collector reuses their memory.
//
// Cloud KMS gives no request ids. Data Access audit logs, which have to be
// switched on, show each call with the principal and the key.
//
// # Tests
//
// The conformance suite runs against hsm/gcpkms/gcpfake and, where
// SEALMESH_TEST_GCPKMS names a key's URI, against Google.
package gcpkms
