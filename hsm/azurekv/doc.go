// Package azurekv is the provider for RSA keys in Azure Key Vault and in
// Managed HSM: RSA and RSA-HSM keys of 2048, 3072 or 4096 bits. It asks by
// Azure's own SDK: azkeys for the keys (REST, version 2025-07-01), azidentity
// for tokens.
//
// # URI
//
//	azurekv://contoso.vault.azure.net/keys/customers
//	azurekv://contoso.managedhsm.azure.net/keys/customers?credential=workload
//
// The name is that of the key and not of one version: the current version
// wraps, and each wrap names the version that unwraps it. Options, each at most
// once:
//
//	credential=workload      Workload Identity: AZURE_FEDERATED_TOKEN_FILE, which AKS mounts
//	credential=managed       the managed identity of the machine, app or container (IMDS,
//	                         App Service, Container Apps, Arc, Azure ML, Service Fabric)
//	credential=secret        a service principal: AZURE_CLIENT_SECRET, or client-secret-file
//	credential=certificate   a service principal: AZURE_CLIENT_CERTIFICATE_PATH, with
//	                         AZURE_CLIENT_CERTIFICATE_PASSWORD and
//	                         AZURE_CLIENT_SEND_CERTIFICATE_CHAIN, or client-certificate-file
//	credential=azure-cli, azure-developer-cli, azure-powershell
//	                         a developer's login: runs az, azd or pwsh, found by PATH
//	tenant-id=uuid           else AZURE_TENANT_ID; not for managed
//	client-id=uuid           else AZURE_CLIENT_ID; for managed, a user-assigned identity
//	client-secret-file=/path
//	client-certificate-file=/path   PEM or PKCS#12
//	endpoint=url             a test's server on this host's loopback, in the place of the
//	                         vault and of every service that gives tokens
//	timeout=2s               one try, from dialling to the last byte
//
// Without credential it is the first of the first four that the environment has
// the variables of: workload, secret, certificate, managed at last. No program
// is run unless the URI names its credential; AZURE_TOKEN_CREDENTIALS is not
// read. A secret's or certificate's file is read again for each token. The
// first token is fetched at the start.
//
// # What the environment may not do
//
// The vault's name says which cloud it is, and so which login server is asked
// and for which scope: what a server's challenge names does not count. These
// are errors at the start: AZURE_AUTHORITY_HOST where it is not that login
// server, AZURE_REGIONAL_AUTHORITY_NAME and MSAL_FORCE_REGION where they are no
// region, IDENTITY_ENDPOINT, MSI_ENDPOINT and IMDS_ENDPOINT beyond this
// machine's own network, and AZURE_SDK_GO_LOGGING, which shows answers.
// HTTPS_PROXY is asked for TLS tunnels; HTTP_PROXY is never, since a metadata
// service's tokens would pass it in clear. AZURE_KUBERNETES_TOKEN_PROXY,
// AZURE_USERNAME and AZURE_ADDITIONALLY_ALLOWED_TENANTS are not read.
//
// The identity of the KEK is host/keys/name. Vault names are unique in the
// world.
//
// # Permissions
//
//	seals                keys/get                    a role of this alone
//	opens                keys/get, keys/unwrapKey    Key Vault Crypto Service Encryption User
//	require: rotation    keys/getrotationpolicy
//
// A role that only seals holds no key that opens, not even what it sealed
// before: the data key is wrapped here, with the public key.
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
// wrapKey, for two reasons. wrapKey would receive the data key. And Key Vault
// refuses only unwrapKey and sign of a disabled key, so a revocation would not
// stop sealing. In this package a key that is disabled, expired or not yet
// valid wraps nothing.
//
// Since the key is public, a wrap does not prove who made it: anyone who can
// replace stored envelopes can replace them by values of their own.
// A256KW of Managed HSM is not supported, as it binds no context either.
//
// # Failure
//
// A failed request is tried three times at most, with back-offs of at most 200
// ms and full jitter, or what Retry-After says if that is a second at most; the
// SDK itself tries once. A refused token is fetched again. The caller's
// deadline limits all of this, except waiting for another caller that fetches
// the token, which timeout= limits.
//
// A disabled or deleted key (soft-deleted or purged) is denied, and so is a
// principal that may not use it. A disabled version that is not the current one
// concerns the records that it wrapped and not the KEK, so it is misconfigured.
// A version that never existed is corrupt: anybody can write one. A refusal
// that may be an outage, an unlisted code, and every answer of the login
// service are unclear. An answer without one of Azure's codes is from an
// intermediary: unavailable.
//
// Errors show no text of an answer or of the SDK. The provider clears an answer
// with a data key after reading it. Copies that the SDK's JSON decoder made
// remain until the garbage collector reuses their memory.
//
// # Tests
//
// The conformance suite runs against hsm/azurekv/azurefake and, where
// SEALMESH_TEST_AZUREKV names a key's URI, against Azure.
package azurekv
