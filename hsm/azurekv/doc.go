// Package azurekv is the provider for RSA keys in Azure Key Vault and in Managed
// HSM: RSA and RSA-HSM keys of 2048, 3072 or 4096 bits. It speaks the REST API,
// version 7.4, and fetches its own tokens. azkeys and azidentity would add nine
// modules, a browser launcher among them, for three requests and three ways to log
// in.
//
// # URI
//
//	azurekv://contoso.vault.azure.net/keys/customers
//	azurekv://contoso.managedhsm.azure.net/keys/customers?credential=workload
//
// The name is that of the key and not of one version: the current version wraps,
// and each wrap names the version that unwraps it. Options, each at most once:
//
//	credential=workload   Workload Identity: AZURE_FEDERATED_TOKEN_FILE, which AKS mounts
//	credential=secret     a service principal: AZURE_CLIENT_SECRET, or client-secret-file
//	credential=managed    the managed identity of the machine, app or container
//	tenant-id=uuid        else AZURE_TENANT_ID; not for managed
//	client-id=uuid        else AZURE_CLIENT_ID; for managed, a user-assigned identity
//	client-secret-file=/path
//	endpoint=url          a test's server on this host's loopback, in the vault's place
//	timeout=2s            one try, from dialling to the last byte
//
// Without credential it is the first of these that the environment has the
// variables of, managed at last. AZURE_AUTHORITY_HOST names the login server of
// another cloud. Client certificates, the Azure CLI and Arc are left out. The first
// token is fetched at the start.
//
// The identity of the KEK is host/keys/name. Vault names are unique in the world.
//
// # Permissions
//
//	seals                keys/get                    a role of this alone
//	opens                keys/get, keys/unwrapKey    Key Vault Crypto Service Encryption User
//	require: rotation    keys/getrotationpolicy
//
// A role that only seals holds no key that opens, not even what it sealed before:
// the data key is wrapped here, with the public key.
//
// # What is bound
//
// The plaintext of a wrap is 64 bytes: the data key, and the SHA-256 of
// "sealmesh/azurekv/wrap/v1", a zero byte and [hsm.EncryptionContext.Encoded],
// which is compared in constant time after unwrapKey. Key Vault's RSA-OAEP-256
// takes neither a context nor a label. A wrapped data key is a byte 1, the
// version (16 bytes), and the ciphertext: 273, 401 or 529 bytes.
//
// Wrapping reads the key (keys/get) and encrypts here, in place of Key Vault's
// wrapKey, for two reasons. wrapKey would be sent the data key; and it works with
// a disabled key, of which only unwrapKey and sign are refused. So revocation would
// stop no seal. Here a key that is disabled, expired or not yet valid wraps nothing.
//
// Since the key is public, a wrap does not prove who made it. Whoever can replace
// stored envelopes can replace them by values of their own making.
// A256KW of Managed HSM is not supported, as it binds no context either.
//
// # Failure
//
// A failed request is tried three times at most, with back-offs of at most
// 200 ms and full jitter, or what Retry-After says if that is a second at most.
// A refused token is fetched anew, and the request tried once more with it.
// The caller's deadline bounds all of it.
//
// A disabled or deleted key (soft-deleted or purged) is denied. A disabled version
// that is not the current one concerns the records that it wrapped and not the KEK,
// so it is misconfigured. A version that never was is corrupt: anybody can write one.
//
// # Tests
//
// The conformance suite runs against hsm/azurekv/azurefake and, where
// SEALMESH_TEST_AZUREKV names a key's URI, against Azure.
package azurekv
