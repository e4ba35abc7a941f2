// Package transit is the provider for keys in the Transit engine of HashiCorp
// Vault and of OpenBao. It asks through OpenBao's SDK, which speaks to both:
// unlike Vault's it can be kept from reading the environment. The SDK sends,
// follows a redirect and renews tokens; retries, limits and the meaning of
// answers are this package's.
//
// # URI
//
//	transit://vault.example:8200/transit/customers
//	transit://vault.example:8200/teams/crm/transit/customers?namespace=emea&token-file=/run/secrets/vault-token
//	transit:///transit/customers                 where VAULT_ADDR or BAO_ADDR names the server
//
// The last segment names the key, those before it the engine's mount. Options,
// each at most once:
//
//	namespace=a/b         Vault Enterprise and OpenBao; else VAULT_NAMESPACE
//	cluster=eu            tells keys of the same path on different servers apart
//	token-file=/path      the token; read at every request, so an agent may replace it
//	auth=approle          log in with role= (the role id) and secret-id-file=
//	auth=kubernetes       log in with role= and the service account's token
//	auth=jwt              log in with role= and jwt-file=, a workload identity's token
//	auth=cert             log in with the certificate in cert-file=, and role= if set
//	auth-mount=path       where that method is mounted; its own name otherwise
//	role=name             the role to log in as
//	jwt-file=/path        the token to log in with; for Kubernetes the pod's own otherwise
//	secret-id-file=/path  the AppRole's secret id
//	ca-file=/path         the CAs to trust, in PEM; else VAULT_CACERT; else the system's.
//	                        It is read again when it changes
//	cert-file=/path       the client's certificate and key, in PEM; else VAULT_CLIENT_CERT
//	key-file=/path          and VAULT_CLIENT_KEY
//	server-name=host      the name the certificate must bear; else VAULT_TLS_SERVER_NAME
//	tls=off               plain HTTP, only to a server or agent on loopback
//	timeout=2s            one try, from dialling to the last byte
//
// Each VAULT_ variable may be called BAO_ instead, which wins. Without
// token-file and auth the token is that of VAULT_TOKEN, which nothing renews.
// Tokens are never written in a URI, ~/.vault-token is not read, and no token
// helper is run. Logins by other methods (AWS, Azure, GCP, OIDC) are left to an
// agent that writes token-file. VAULT_DISABLE_REDIRECTS is heeded.
//
// Data keys cross this connection, so variables that would lead it elsewhere,
// or change whom it trusts, are refused by name: VAULT_SKIP_VERIFY,
// VAULT_PROXY_ADDR, VAULT_HTTP_PROXY, VAULT_AGENT_ADDR, VAULT_SRV_LOOKUP,
// VAULT_WRAP_TTL, VAULT_HEADERS, VAULT_MFA, VAULT_CAPATH, VAULT_CACERT_BYTES,
// VAULT_CLIENT_CERT_BYTES and VAULT_CLIENT_KEY_BYTES. HTTPS_PROXY is heeded:
// such a proxy sees TLS only.
//
// # Logins
//
// A login's token is renewed, at about two thirds of its lease, until the
// server renews it no further. Then another login replaces it, before it ends.
// Where that login fails the token serves on for as long as it is good.
//
// A login that Vault refused is not sent again with the same secret for five
// minutes, so that no retry burns the uses of a secret id (secret_id_num_uses)
// or locks the role (user lockout, five refused logins in 15 minutes). A new
// secret in the file is sent at once. KEKs of one policy that log in by the
// same role share one login, and one refusal, reloads included. At the start
// such a refusal ends the process with exit code 4: have its supervisor pause
// before it starts the process again.
//
// The identity of the KEK, by which records name it, is
// [cluster:][namespace/]mount/key. The server's name is no part of it, so it
// may move. Two servers that hold different keys of the same path need
// cluster=.
//
// # The key and its policy
//
//	vault write -f transit/keys/customers type=aes256-gcm96 auto_rotate_period=2160h
//
// The type must be aes256-gcm96 (the default) or chacha20-poly1305, since only
// an AEAD binds the key context. A derived key, one that may be exported and
// one that allows plaintext backups are refused: the first needs a context of
// its own, and the others could leave Vault. What each role needs:
//
//	seals         update on transit/encrypt/customers
//	opens         update on transit/decrypt/customers
//	either        read   on transit/keys/customers
//
// Never allow create: with it, encrypt creates a missing key. A role with both
// encrypt and decrypt needs no read; then the key's properties cannot be
// checked, and Describe is denied.
//
// A role that only seals cannot open what others sealed, but it makes the data
// keys that it seals with.
//
// # What is bound
//
// The additional data of each wrap ("associated_data") is
// "sealmesh/transit/wrap/v1", a zero byte and [hsm.EncryptionContext.Encoded].
// Servers older than Vault 1.13 ignore it. So opening the KEK wraps a probe and
// checks that it unwraps under its own context and under no other, and an
// answer that warns of an ignored parameter is refused. A role that may only
// encrypt or only decrypt relies on that warning.
//
// Transit's datakey endpoint takes no associated data, also in OpenBao. A data
// key is therefore made here, from crypto/rand, and wrapped by encrypt.
//
// A wrapped data key is 65 bytes: a byte 1, the key's version (4 bytes, big
// endian), and what Transit made: nonce 12, ciphertext 32, tag 16. Nonces are
// random, so rotate the key before 2^32 wraps (NIST SP 800-38D §8.3).
//
// # Failure
//
// A failed request is tried three times at most, with back-offs of at most 200
// ms and full jitter, or what Retry-After says if that is a second at most. A
// token that Vault does not know is fetched once more, and the request is
// retried with the newer token. The caller's deadline limits all of this.
//
// Vault's errors are texts. Known phrases in them decide the class.
//
//   - Denied: the key was deleted or soft-deleted, the token's policies forbid
//     the request, or the namespace is locked. Cached data keys are evicted at
//     once.
//   - Unclear: a token that Vault does not know, since the answer is the same
//     for an expired and a revoked token; a refused login; a missing mount; and
//     every other answer of Vault below 500. Cached data keys are used until
//     the soft TTL.
//   - Unavailable: no answer; 412, 429, 472, 473 and 5xx, also from a sealed
//     server; and an answer that does not list Vault's errors, which is from an
//     intermediary. Cached data keys are used until the hard TTL.
//
// Sealing is an outage here, since a server that restarts is sealed as well. To
// withdraw a key at once, delete it or the policy that allows its use, or lock
// the namespace.
//
// A version below min_decryption_version concerns the records that it wrapped
// and not the KEK, so it is misconfigured: those data keys end, the others are
// used.
//
// A redirect to the active node is followed once, and never to plain HTTP on
// another machine.
//
// # Tests
//
// The conformance suite runs against hsm/transit/transitfake and, where
// SEALMESH_TEST_TRANSIT names a key's URI, against a server.
package transit
