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
//	regions=a,b       where to ask, in order of preference; the key is multi-Region
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
// envelope says, and an answer that speaks of another key is refused. With a
// symmetric key KMS itself authenticates the encryption context.
//
// With an RSA key (RSAES_OAEP_SHA_256; RSA_2048, RSA_3072, RSA_4096) KMS takes
// no context. The plaintext of a wrap is then 64 bytes: the data key, and the
// SHA-256 of a label and the canonical context, which is compared in constant
// time after Decrypt. Wrapping makes no call, so no policy can forbid it and
// CloudTrail does not show it; and since the key is public, a wrap does not
// prove who made it. Whoever can replace stored envelopes can replace them by
// values of their own making. Choose RSA for one-way sealing and a symmetric
// key otherwise.
//
// So that a disabled key ends sealing all the same, DescribeKey is asked before
// each data key is wrapped: with use: seal that is once per soft bound. A key
// that is disabled, waits for its deletion or is gone wraps nothing any more,
// and taking kms:DescribeKey from a role ends its sealing too. A KMS that does
// not answer says nothing, for as long as that lasts: sealing goes on, which is
// what such a key is for.
//
// # Failure
//
// Each error code that KMS documents for the operations used here has one
// meaning, and a hint at what to do next.
//
//   - Denied: AccessDeniedException, NotAuthorized, OptInRequired,
//     DisabledException, NotFoundException, and a key whose state is Disabled,
//     PendingDeletion, PendingReplicaDeletion or PendingImport. KMS refuses the
//     key, or this principal's use of it. Cached data keys end at once.
//   - Unclear: KMS answered, and the answer may be a refusal or an accident. A
//     KMSInvalidStateException for a key that is Enabled is one: the proxy of an
//     external key store refused, by its owner's will or by a fault. So are
//     Unavailable keys (a custom key store is disconnected), expired tokens,
//     signatures that do not match, and every code that is not listed. Cached data
//     keys serve to the soft TTL and no longer.
//   - Unavailable: no answer, a 5xx, throttling, or an answer without an error
//     code and a request id of AWS's, which an intermediary made. Cached data keys
//     serve to the hard TTL.
//
// KMSInvalidStateException does not tell which state is wrong, so the key's
// state is asked for.
//
// What STS or IAM Identity Center answers when credentials are fetched is
// unclear at most: it says nothing of the key. To revoke a role's use of a key
// at once, deny it in the key's policy or revoke its grant; withdrawing the
// role itself takes effect within the soft TTL after its last credentials have
// expired.
//
// A failed request is tried three times at most, with back-offs of at most
// 200 ms and full jitter; what a second try cannot repair is tried once. The
// caller's deadline bounds all of it.
//
// With several Regions, an outage and an unclear answer move on to the next
// Region, whose KMS may know more: where it serves, the key is good; where it
// refuses, the key is denied; where it does not answer either, the whole is
// unclear if one Region was. Each Region but the last has a share of the
// caller's time, two seconds at most. The failed Region is then left alone for
// 30 seconds, tried by one call in five seconds, and preferred again after
// three answers running. One Region that answers is enough to start; a Region
// that has no replica is a start-up error.
//
// A refusal does not move on. Key policies, grants and states are per Region,
// so asking further would let the laxest Region decide, and a key that was
// disabled to revoke it would live on in its replica. To revoke a multi-Region
// key, disable it in every Region: one that is disabled only in a later Region
// of the list is still used in the earlier ones.
//
// Nor does a wrong ciphertext or context: replicas hold the same key.
//
// # Tests
//
// The conformance suite runs against hsm/awskms/kmsfake, against
// github.com/nsmithuk/local-kms, and, where SEALMESH_TEST_AWSKMS names a key's
// URI, against AWS.
package awskms
