// Package transit is the provider for keys in the Transit engine of HashiCorp
// Vault and of OpenBao. It speaks their HTTP API itself: four requests need no
// client library.
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
//	auth=kubernetes       log in with role= and the service account's token
//	auth=approle          log in with role= (the role id) and secret-id-file=
//	auth-mount=path       where that method is mounted; its own name otherwise
//	role=name             the role to log in as
//	jwt-file=/path        the service account's token, where it is elsewhere
//	secret-id-file=/path  the AppRole's secret id
//	ca-file=/path         the CAs to trust, in PEM; else VAULT_CACERT; else the system's
//	cert-file=/path       the client's certificate and key, in PEM; else VAULT_CLIENT_CERT
//	key-file=/path          and VAULT_CLIENT_KEY
//	server-name=host      the name the certificate must bear; else VAULT_TLS_SERVER_NAME
//	tls=off               plain HTTP, for a server or an agent on this host's loopback only
//	timeout=2s            one try, from dialling to the last byte
//
// Each VAULT_ variable may be called BAO_ instead, which wins. Without
// token-file and auth the token is that of VAULT_TOKEN, which nothing renews.
// Tokens are never written in a URI, and ~/.vault-token is not read.
// VAULT_SKIP_VERIFY is refused: data keys cross this connection. Logins by
// other methods (AWS, Azure, GCP, TLS certificates, OIDC) are left to an agent
// that writes token-file.
//
// The identity of the KEK, by which records name it, is
// [cluster:][namespace/]mount/key. The server's name is no part of it, so it may
// move. Two servers that hold different keys of the same path need cluster=.
//
// # The key and its policy
//
//	vault write -f transit/keys/customers type=aes256-gcm96 auto_rotate_period=2160h
//
// The type must be aes256-gcm96 (the default) or chacha20-poly1305, since only an
// AEAD binds the key context. A derived key, one that may be exported and one
// that allows plaintext backups are refused: the first needs a context of its
// own, and the others could leave Vault. What each role needs:
//
//	seals         update on transit/encrypt/customers
//	opens         update on transit/decrypt/customers
//	either        read   on transit/keys/customers
//
// Never give create: with it, encrypt makes a key that is not there. A role that
// has both encrypt and decrypt may go without read; what the key is then cannot
// be checked, and Describe is denied.
//
// A role that only seals cannot open what others sealed, but it makes the data
// keys that it seals with.
//
// # What is bound
//
// The additional data of each wrap ("associated_data") is
// "sealmesh/transit/wrap/v1", a zero byte and [hsm.EncryptionContext.Encoded].
// Servers older than Vault 1.13 ignore it. So opening the KEK wraps a probe
// and makes sure that it unwraps under its own context and under no other, and an
// answer that warns of an ignored parameter is refused. A role that may only
// encrypt or only decrypt rests on that warning.
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
// A failed request is tried three times at most, with back-offs of at most
// 200 ms and full jitter, or what Retry-After says if that is a second at most.
// A refused token is looked for anew, and the request tried once more with it.
// The caller's deadline bounds all of it.
//
// Sealed, standby, rate-limited and failing servers are unavailable. Refused
// tokens are denied, expired ones too, since Vault does not tell them from
// revoked ones; and so is a key that was deleted after the start. A version below
// min_decryption_version concerns the records that it wrapped and not the KEK, so
// it is misconfigured: those data keys end, the others are used.
//
// A redirect to the active node is followed once, and never to plain HTTP.
//
// # Tests
//
// The conformance suite runs against hsm/transit/transitfake and, where
// SEALMESH_TEST_TRANSIT names a key's URI, against a server.
package transit
