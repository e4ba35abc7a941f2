// Package awskms is the provider for keys in AWS KMS: symmetric keys, RSA keys,
// multi-Region keys, keys with imported material, and keys in custom key stores
// (CloudHSM, external).
//
// # URI
//
//	awskms:///arn:aws:kms:eu-west-1:111122223333:key/1234abcd-…
//	awskms:///arn:aws:kms:eu-west-1:111122223333:alias/customers
//	awskms:///arn:aws:kms:eu-west-1:111122223333:key/mrk-…?regions=eu-west-1,eu-central-1
//
// A URI has the full ARN of a key or of an alias, so no default Region or
// account decides which key is used. A key of another account is named in the
// same way.
//
// An alias is resolved once, when the key is opened, in the alias's own Region.
// If the alias is pointed to another key, that takes effect at the next start,
// or at a reload that changes the key. KMS keeps no history of an alias, so
// list its earlier keys in former=: otherwise the values that were sealed under
// them do not open. A former key only unwraps. If it is disabled, only the data
// keys that it wrapped are denied.
//
// Options, each at most once:
//
//	regions=a,b       Regions to use, in order of preference, with the ARN's own
//	                  Region among them; the key must be multi-Region (mrk-…)
//	endpoint=url      a VPC endpoint (https), or a test server on loopback;
//	                  {region} is replaced by the Region, and must be in the URL
//	                  of a VPC endpoint for several Regions
//	fips=true         the Regions' FIPS endpoints; not together with endpoint
//	former=arn,arn    earlier keys of the alias
//	profile=name      a profile of the shared AWS configuration
//	grant_tokens=a,b  for grants too new to be known everywhere
//	timeout=2s        one try, from dialling to the last byte
//
// Credentials come from the default chain of AWS's SDK: environment, profile,
// web identity (IRSA), Pod Identity, container or instance role, including
// assumed roles. A command (credential_process) is run only for a profile that
// profile= names. Credentials are fetched when the key is opened, so that
// missing credentials are reported then. With several Regions, each Region has
// its own credentials from its own STS, so an outage of one STS affects only
// its Region.
//
// # Permissions
//
// Give each role only the permissions that it needs. Every role needs
// kms:DescribeKey.
//
//	seals                kms:GenerateDataKey
//	seals, RSA key       kms:GetPublicKey
//	opens                kms:Decrypt; with an RSA key kms:GetPublicKey too
//	one of several KEKs  kms:Encrypt, to wrap the data keys that another one made
//	require: rotation    kms:GetKeyRotationStatus
//
// The key context of the policy is the encryption context of every request with
// a symmetric key, so a policy can restrict a role to one context:
//
//	"Condition": {"StringEquals": {"kms:EncryptionContext:service": "customers"}}
//
// CloudTrail shows that context in clear, with the request id that sealmesh
// puts on the span of the same call (aws.request_id).
//
// A process that only seals holds the data key that it seals with, and could
// open the values sealed under that data key. Without kms:Decrypt in its role,
// it cannot unwrap any other data key.
//
// # What is bound
//
// Each Decrypt request names the key, so that an envelope cannot make KMS use
// another key. An answer about another key is refused. With a symmetric key KMS
// itself authenticates the encryption context.
//
// With an RSA key (RSAES_OAEP_SHA_256; RSA_2048, RSA_3072, RSA_4096) KMS takes
// no context. The plaintext of a wrap is then 64 bytes: the data key, and the
// SHA-256 of a label and the canonical context, which is compared in constant
// time after Decrypt. The wrap itself needs no call to KMS, so no policy can
// forbid it and CloudTrail does not show it. Since the key is public, a wrap
// does not prove who made it: anyone who can replace stored envelopes can
// replace them by values of their own. Choose RSA if sealing must continue
// while KMS is unavailable, and a symmetric key otherwise.
//
// Before an RSA key wraps a data key, the provider calls DescribeKey. With use:
// seal that is one call per soft TTL. A key that is disabled, pending deletion
// or deleted wraps nothing, and removing kms:DescribeKey from a role ends its
// sealing too. While KMS is unavailable, sealing continues: that is the purpose
// of an RSA key.
//
// # Failure
//
// Each error code that KMS documents for the operations used here has one
// meaning, and a hint at what to do next.
//
//   - Denied: AccessDeniedException, NotAuthorized, OptInRequired,
//     DisabledException, NotFoundException, and a key whose state is Disabled,
//     PendingDeletion, PendingReplicaDeletion or PendingImport. KMS refuses the
//     key, or this principal's use of it. Cached data keys are evicted at once.
//   - Unclear: KMS answered, and the answer may be a refusal or an accident. A
//     KMSInvalidStateException for an Enabled key is such an answer: the proxy
//     of an external key store refused deliberately, or failed. So are
//     Unavailable keys (a custom key store is disconnected), expired tokens,
//     signatures that do not match, and every code that is not listed. Cached
//     data keys are used until the soft TTL.
//   - Unavailable: no answer, a 5xx, throttling, or an answer without an error
//     code and a request id of AWS, which is from an intermediary. Cached data
//     keys are used until the hard TTL.
//
// KMSInvalidStateException does not say which state is wrong, so the provider
// asks for the key's state.
//
// An answer of STS or IAM Identity Center to a request for credentials is
// unclear at most: it says nothing about the key. To revoke a role's use of a
// key at once, deny it in the key's policy or revoke its grant. If you withdraw
// the role itself, that takes effect only after its last credentials have
// expired, within one more soft TTL.
//
// A failed request is tried three times at most, with back-offs of at most 200
// ms and full jitter; a failure that a second try cannot fix is tried once. The
// caller's deadline bounds all of it.
//
// With several Regions, the provider asks the next Region after an outage or an
// unclear answer. The first Region that succeeds or refuses decides. If no
// Region gives a clear answer, the result is unclear if the answer of at least
// one Region was unclear, and unavailable otherwise. Each Region but the last
// has a share of the caller's time, at most timeout=. A Region that failed is
// asked after all others. If it comes earlier in regions= than they do, it is
// probed 30 seconds after its failure, and then at most every five seconds.
// After three answers in a row it has its old place again. One Region that
// answers is enough to start; a Region without a replica is an error at
// start-up.
//
// After a refusal no other Region is asked. Key policies, grants and states are
// per Region, so the laxest Region would decide, and a key that was disabled to
// revoke it would remain usable through its replica. To revoke a multi-Region
// key, disable it in every Region: a key that is disabled only in a later
// Region of the list is still used in the earlier ones.
//
// After a wrong ciphertext or context no other Region is asked either: replicas
// hold the same key.
//
// # Tests
//
// The conformance suite runs against hsm/awskms/kmsfake, against
// github.com/nsmithuk/local-kms, and, where SEALMESH_TEST_AWSKMS names a key's
// URI, against AWS.
package awskms
