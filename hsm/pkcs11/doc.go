// Package pkcs11 wraps data keys with a KEK on a PKCS#11 token: an HSM, a smart
// card, a cloud HSM cluster, or a software token in development.
//
// The KEK never leaves the token. An AES-256 KEK (the default) wraps a data key
// with C_Encrypt and CKM_AES_GCM, with the key context as additional data.
// C_WrapKey is not used: its mechanisms differ by vendor, bind no context and
// need keys that may be extracted. An RSA KEK wraps with RSA-OAEP-SHA256, for
// tokens without AES-GCM.
//
// Modules are C libraries, so this package needs cgo. In a build without cgo,
// [Open] returns an error that says so.
//
// # URIs
//
// A KEK is named by an RFC 7512 URI. An attribute that is not listed here, or
// that appears twice, is refused.
//
//	pkcs11:token=prod;object=sealmesh-kek?module-path=/opt/cloudhsm/lib/libcloudhsm_pkcs11.so&pin-source=file:/run/secrets/hsm-pin
//
//	token, serial, manufacturer, model   the token, as C_GetTokenInfo reports it
//	slot-id                              the slot, decimal; many modules renumber slots at every start
//	object, id                           CKA_LABEL, CKA_ID (percent-encoded bytes); at least one
//	type                                 secret-key (AES) or private (RSA)
//	?module-path                         absolute path of the vendor's library
//	&pin-source                          file:/absolute/path or env:NAME, read at every login
//	&x-mechanism                         aes-gcm (default) or rsa-oaep-sha256
//	&x-profile                           softhsm, nss, cloudhsm, luna; detected if left out
//	&x-sessions                          sessions kept for this KEK, 1 to 64, default 4
//	&x-init-reserved                     pReserved of C_Initialize, which NSS needs: configdir='sql:/path' …
//
// pin-value is refused, because configuration files are often kept in
// repositories. Exactly one token and one key must match; several are an error.
//
// The identity that [Open] returns joins the label of the token and the CKA_ID
// of the KEK. A token without a label is named by its serial, and a KEK without
// a CKA_ID by its CKA_LABEL. So records still open after the library was moved
// or the token was restored on other hardware, and behind a vendor's
// high-availability group. The tokens of different CloudHSM clusters share a
// label, so give each KEK there an id of its own, as [CreateKEK] does.
//
// # Profiles
//
// Vendors disagree on who makes the IV of AES-GCM. With the wrong profile,
// every wrap may use the same IV. Each wrap therefore checks what the device
// did, and [Open] compares the IVs of two wraps before the KEK is used.
//
//	profile   IV made by              where it is returned    proven on
//	softhsm   sealmesh, 12 random     pIv, unchanged          SoftHSM 2.6.1
//	nss       sealmesh, 12 random     pIv, unchanged          NSS softoken 3.87
//	cloudhsm  the device, 12          pIv, zeroed before      a C shim after AWS's documentation
//	luna      the device in FIPS      after the tag, 12 or    a C shim after Thales's documentation
//	          mode, else sealmesh     16 bytes
//
// [Open] refuses a library that it does not recognise, unless the URI has
// x-profile. Always set x-profile for CloudHSM and Luna: the names that their
// libraries report are not documented.
//
// An IV that sealmesh makes is random, so one KEK must not make more than 2^32
// wraps (NIST SP 800-38D §8.3). One process that makes a wrap every minute
// reaches that number in eight thousand years.
//
// RSA needs no profile. The plaintext of a wrap contains a hash of the context,
// which binds the context. But anyone who holds the public key can make a wrap:
// use AES if the token supports it.
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
// followed by the SHA-256 of "sealmesh/v1/pkcs11/rsa-oaep-sha256" and the
// encoded context.
//
// # The KEK and its user
//
// [CreateKEK] makes a suitable AES KEK. An AES KEK that was made elsewhere must
// have CKA_SENSITIVE true, CKA_EXTRACTABLE false, CKA_ENCRYPT and CKA_DECRYPT
// true, and 256 bits. An RSA KEK must have CKA_SENSITIVE true, CKA_EXTRACTABLE
// false, CKA_DECRYPT true, and 2048 to 8192 bits.
//
//   - SoftHSM2: SOFTHSM2_CONF must point to the configuration, and the token's
//     files belong to the user that sealmesh runs as.
//   - AWS CloudHSM, Client SDK 5: a crypto user (CU) that owns the KEK or that
//     it is shared with; the PIN is user:password. The KEK must be on two HSMs
//     before it can be used. The library needs glibc and OpenSSL in the image.
//     The library's own retries may stay enabled.
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
// even if the device hangs. The hung call then occupies one of the x-sessions
// until the library returns.
//
// When a device fails, the provider retries with growing pauses, and renews
// more before each retry: the session, then every session of the module (which
// logs out all its tokens), then the module itself (C_Finalize, C_Initialize).
// The last two disturb every KEK of that library in this process. Resets of the
// module are therefore at least one second apart, and up to 30 seconds if they
// do not help. If other code in the process initialised the module, the
// provider renews only its own session. Bad data causes no recovery. Some
// tokens, such as SoftHSM, answer a wrong tag with CKR_GENERAL_ERROR; then the
// provider unwraps a wrap that is known to be good, to learn whether the data
// or the device is bad. A PIN that was refused is not tried again until it
// changes, and the last try before the token locks is left to a person. If a
// KEK disappears after Open, it is denied; if its token disappears, it is
// unavailable.
package pkcs11
