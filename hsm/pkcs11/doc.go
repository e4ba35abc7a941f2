// Package pkcs11 wraps data keys with a KEK on a PKCS#11 token: an HSM, a smart
// card, a cloud HSM cluster, or a software token in development.
//
// The KEK never leaves the token. An AES-256 KEK (the default) wraps a data key
// with C_Encrypt and CKM_AES_GCM, with the key context as additional data.
// C_WrapKey is not used: its mechanisms differ by vendor, bind no context and
// need keys that may be extracted. An RSA KEK wraps with RSA-OAEP-SHA256, for
// tokens without AES-GCM.
//
// Modules are C libraries, so this package needs cgo; without it [Open] says
// so.
//
// # URIs
//
// A KEK is named by an RFC 7512 URI. What is not listed here is refused, as is
// an attribute that appears twice.
//
//	pkcs11:token=prod;object=sealmesh-kek?module-path=/opt/cloudhsm/lib/libcloudhsm_pkcs11.so&pin-source=file:/run/secrets/hsm-pin
//
//	token, serial, manufacturer, model   the token, as C_GetTokenInfo tells
//	slot-id                              the slot, decimal; many modules renumber theirs at every start
//	object, id                           CKA_LABEL, CKA_ID (percent-encoded bytes); at least one
//	type                                 secret-key (AES) or private (RSA)
//	?module-path                         absolute path of the vendor's library
//	&pin-source                          file:/absolute/path or env:NAME, read at every login
//	&x-mechanism                         aes-gcm (default) or rsa-oaep-sha256
//	&x-profile                           softhsm, nss, cloudhsm, luna; found out where it is left out
//	&x-sessions                          sessions kept for this KEK, 1 to 64, default 4
//	&x-init-reserved                     pReserved of C_Initialize, which NSS needs: configdir='sql:/path' …
//
// pin-value is refused: a PIN in a configuration file is a PIN in a repository.
// Exactly one token and one key must match; two are an error, not a choice.
//
// The identity that [Open] returns is the token's label (its serial, where it
// has none) with the KEK's CKA_ID (its label, where it has none). So records
// still open when the library moves, when the token is restored on other
// hardware, and behind a vendor's high-availability group. Give KEKs of
// different clusters whose tokens share a label, as those of CloudHSM do, an id
// of their own: [CreateKEK] does.
//
// # Profiles
//
// Vendors disagree on who makes the IV of AES-GCM, and a mistake there ends in
// every wrap under one IV. Each wrap checks what the device did; [Open] proves
// it twice before the KEK is used.
//
//	profile   IV made by              where it is returned    proven on
//	softhsm   sealmesh, 12 random     pIv, unchanged          SoftHSM 2.6.1
//	nss       sealmesh, 12 random     pIv, unchanged          NSS softoken 3.87
//	cloudhsm  the device, 12          pIv, zeroed before      a C shim after AWS's documentation
//	luna      the device in FIPS      after the tag, 12 or    a C shim after Thales's documentation
//	          mode, else sealmesh     16 bytes
//
// A library that is not recognised asks for x-profile. Name it for CloudHSM and
// Luna in any case: what their libraries call themselves is not documented.
//
// A caller-made IV is random, so one KEK must not make more than 2^32 wraps
// (NIST SP 800-38D §8.3): at one per minute and process that is eight thousand
// process-years. RSA needs no profile. It binds the context by its hash inside
// the plaintext, but anyone who holds the public key can make a wrap: use AES
// where the token has it.
//
// # Wrapped keys
//
// One byte of form, then
//
//	form 1   IV 12, ciphertext 32, tag 16         61 bytes
//	form 3   IV 16, ciphertext 32, tag 16         65 bytes, Luna with long IVs
//	form 2   RSA ciphertext                       257 for RSA-2048, 385 for 3072, 513 for 4096
//
// The additional data of forms 1 and 3 is "sealmesh/v1/pkcs11/aes-gcm" followed
// by [hsm.EncryptionContext.Encoded]. The plaintext of form 2 is the data key
// followed by SHA-256 of "sealmesh/v1/pkcs11/rsa-oaep-sha256" and the same.
//
// # The KEK and its user
//
// [CreateKEK] makes a fitting AES KEK. One made elsewhere must have
// CKA_SENSITIVE true, CKA_EXTRACTABLE false, CKA_ENCRYPT and CKA_DECRYPT true,
// and 256 bits; an RSA one CKA_SENSITIVE true, CKA_EXTRACTABLE false,
// CKA_DECRYPT true, and 2048 to 8192 bits.
//
//   - SoftHSM2: SOFTHSM2_CONF must point to the configuration, and the token's
//     files belong to the user that sealmesh runs as.
//   - AWS CloudHSM, Client SDK 5: a crypto user (CU) that owns the KEK or that
//     it is shared with; the PIN is user:password. The KEK must be on two HSMs
//     before it can be used. The library needs glibc and OpenSSL in the image.
//     Its own retries may stay on.
//   - Luna 7: the partition's Crypto Officer, which is what CKU_USER means
//     there; token= is the label of the partition or of the high-availability
//     group.
//   - NSS: token=NSS%20Certificate%20DB, and x-init-reserved with the
//     configdir.
//   - YubiHSM 2, opencryptoki and others without AES-GCM:
//     x-mechanism=rsa-oaep-sha256. They are not part of the tests.
//
// # Failure and recovery
//
// An operation takes at most 15 seconds, and returns when its context ends,
// even if the device hangs: the call is left behind, and keeps its place among
// x-sessions until the library returns. When a device fails, the provider
// throws away more before each retry, with growing pauses: the session, then
// every session of the module (which logs it out), then the module (C_Finalize,
// C_Initialize). The last two disturb every KEK of that library in this
// process: resets are at least a second apart, and up to 30 seconds if they do
// not help. Bad data causes no recovery. Some tokens, such as SoftHSM, answer a
// wrong tag with CKR_GENERAL_ERROR; then a wrap known to be good shows whether
// the data or the device is bad. A PIN that was refused is not tried again
// until it changes. A KEK that disappears is denied, a token that does is
// unavailable.
package pkcs11
