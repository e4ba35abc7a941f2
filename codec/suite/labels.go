package suite

// All uses of a data key. A data key K is 32 uniformly random bytes, and only
// these functions take it as an input:
//
//	data key id   HMAC-SHA256(K, LabelDataKeyID)
//	suite 1       AES-256 under K, of CMAC's zero block and of blocks that begin
//	              00 01 'X' 00 or 00 02 'X' 00 before CMAC's K1 is added (C2SP XAES-256-GCM)
//	suite 2       HKDF-SHA256(secret K, salt = the 12-byte prefix, info = labelHKDF), 32 bytes
//	suite 3       HKDF-SHA256(secret K, no salt, info = labelSIV), 64 bytes
//
// No two of them give related outputs. In the first line K is the key of HMAC.
// In HKDF's extract step K is the message, and the key is a prefix or 32 zero
// bytes. HMAC pads short keys with zeros, so an all-zero prefix gives suite 2
// the pseudo-random key of suite 3; the labels of the expand step still
// separate them. AES and SHA-256 share no structure.
//
// Tags of one key name may use different suites, so a data key may be used with
// several. This separation is what makes that safe.
const (
	// LabelDataKeyID is the message of the HMAC that names a data key and
	// commits to it.
	LabelDataKeyID = "sealmesh/v1/data-key-id"

	labelHKDF = "sealmesh/v1/hkdf-aes-256-gcm"
	labelSIV  = "sealmesh/v1/aes-256-siv"
)
