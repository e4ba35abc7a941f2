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
// The key is named by its full ARN or by an alias's, so that nobody's default
// Region or account decides which key it is; keys of other accounts are named
// alike. An alias is resolved once, at the start, by its own Region alone, and
// pinned: pointing it elsewhere takes effect at the next start, or when a
// reload changes the key. Name the key that it stood for in former=, or what
// was sealed before does not open: KMS keeps no history of an alias. Such keys
// unwrap and wrap nothing; one that is disabled denies what it wrapped, and
// nothing else.
//
// Options, each at most once:
//
//	regions=a,b       of a multi-Region key, in order of preference
//	                  (mrk-…) and the ARN's own Region is among them
//	endpoint=url      a VPC endpoint, or a test's server; {region} stands for the
//	                  Region, and is in it where there are several; https only, but
//	                  for loopback
//	fips=true         the Regions' FIPS endpoints
//	former=arn,arn    keys that the alias stood for before
//	profile=name      a profile of the shared AWS configuration
//	grant_tokens=a,b  for grants too new to be known everywhere
//	timeout=2s        one try, from dialling to the last byte
//
// Credentials come from where every AWS tool finds them: environment, profile,
// web identity (IRSA), Pod Identity, container or instance role, assumed roles
// included. A command (credential_process) is run only for a profile that
// profile= names. They are fetched at the start, so that missing ones are found
// then. Each of several Regions has its own, from its own STS: an outage there
// is one of the Region.
//
// # Permissions
//
// Give each role what it does and nothing more. Every role needs
// kms:DescribeKey.
//
//	seals                kms:GenerateDataKey
//	seals, RSA key       kms:GetPublicKey
//	opens                kms:Decrypt; with an RSA key kms:GetPublicKey too
//	one of several KEKs  kms:Encrypt, to wrap the data keys that another one made
//	require: rotation    kms:GetKeyRotationStatus
//
// The key context of the policy is the encryption context of every request with
// a symmetric key, so a condition can hold a role to it:
//
//	"Condition": {"StringEquals": {"kms:EncryptionContext:service": "customers"}}
//
// CloudTrail shows that context in clear, with the request id that sealmesh
// puts on the span of the same call (aws.request_id).
//
// A role that only seals with a symmetric key still receives the data keys it
// seals with, and could open what they sealed. Only an RSA key makes a sidecar
// that cannot: it wraps with the public key, and nothing in it can unwrap.
//
// # What is bound
//
// Decrypt always names the key, so that KMS never chooses one by what an
// envelope says. An answer about another key is refused. With a
// symmetric key KMS itself authenticates the encryption context.
//
// With an RSA key (RSAES_OAEP_SHA_256; RSA_2048, RSA_3072, RSA_4096) KMS takes
// no context. The plaintext of a wrap is then 64 bytes: the data key, and the
// SHA-256 of a label and the canonical context, which is compared in constant
// time after Decrypt. Wrapping makes no call, so no policy can forbid it and
// CloudTrail does not show it. Since the key is public, a wrap does not prove
// who made it: anyone who can replace stored envelopes can replace them by
// values of their own. Choose RSA for one-way sealing and a symmetric key
// otherwise.
//
// Before each data key is wrapped, the provider calls DescribeKey, so that
// disabling the key ends sealing: with use: seal that is one call per soft TTL.
// A key that is disabled, pending deletion or deleted wraps nothing, and
// removing kms:DescribeKey from a role ends its sealing too. While KMS does not
// answer, sealing continues, which is the purpose of such a key.
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
// key at once, deny it in the key's policy or revoke its grant; withdrawing the
// role itself takes effect within the soft TTL after its last credentials have
// expired.
//
// A failed request is tried three times at most, with back-offs of at most 200
// ms and full jitter; a failure that a second try cannot fix is tried once. The
// caller's deadline bounds all of it.
//
// With several Regions, the provider asks the next Region after an outage or an
// unclear answer. If that Region succeeds, so does the operation. If it
// refuses, the key is denied. If no Region gives a clear answer, the result is
// unclear if one Region was. Each Region but the last has a share of the
// caller's time, two seconds at most. A failed Region gets no call for 30
// seconds, then one call in five seconds, and is preferred again after three
// answers in a row. One Region that answers is enough to start; a Region
// without a replica is an error at start-up.
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
