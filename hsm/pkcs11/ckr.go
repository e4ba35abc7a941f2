//go:build cgo && !windows

package pkcs11

import (
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// A level says how much is renewed before a call is retried.
type level uint8

const (
	keep         level = iota // use what is there
	freshSession              // a new session, and with it a new login where the last was lost
	freshLogin                // every session of the module is closed, which logs out its tokens
	freshModule               // C_Finalize and C_Initialize
)

// A verdict says what a CK_RV means.
type verdict struct {
	name  string
	class hsm.Class
	heal  level // the least that may help, keep when nothing does
	hint  string
}

// Hints that several codes share.
const (
	hintRetry = "the device or its network is in trouble: look at the vendor's own log"
	hintBug   = "the module answered what it should not: report it with the vendor and version of the library"
	hintPIN   = "correct what pin-source names; some vendors want user:password, and too many wrong ones lock the token"
	hintKey   = "use a KEK that allows this mechanism, or another x-mechanism"
	hintToken = "check the token's label, serial or slot-id, and that this host may reach it"
)

// verdicts classifies every CK_RV (PKCS#11 v2.40 §5.1, v3.1 §5.1). A code that
// is not here is [hsm.Unavailable] and retried from freshSession on, since
// vendors invent their own.
var verdicts = map[ckRV]verdict{
	0x002: {"CKR_HOST_MEMORY", hsm.Unavailable, freshSession, "the host ran out of memory"},
	0x003: {"CKR_SLOT_ID_INVALID", hsm.Misconfigured, freshModule, hintToken},
	0x005: {"CKR_GENERAL_ERROR", hsm.Unavailable, freshSession, hintRetry},
	0x006: {"CKR_FUNCTION_FAILED", hsm.Unavailable, freshSession, hintRetry},
	0x007: {"CKR_ARGUMENTS_BAD", hsm.Unsupported, keep, hintKey},
	0x009: {"CKR_NEED_TO_CREATE_THREADS", hsm.Unsupported, keep, "the module cannot run threads here"},
	0x00A: {"CKR_CANT_LOCK", hsm.Unsupported, keep, "the module is not safe for threads: sealmesh cannot use it"},
	0x010: {"CKR_ATTRIBUTE_READ_ONLY", hsm.Unsupported, keep, hintKey},
	0x011: {"CKR_ATTRIBUTE_SENSITIVE", hsm.Unsupported, keep, hintKey},
	0x012: {"CKR_ATTRIBUTE_TYPE_INVALID", hsm.Unsupported, keep, hintKey},
	0x013: {"CKR_ATTRIBUTE_VALUE_INVALID", hsm.Unsupported, keep, hintKey},
	0x01B: {"CKR_ACTION_PROHIBITED", hsm.Denied, keep, "the token's policy forbids this"},
	0x020: {"CKR_DATA_INVALID", hsm.Corrupt, keep, hsm.HintCorrupt},
	0x021: {"CKR_DATA_LEN_RANGE", hsm.Corrupt, keep, hsm.HintCorrupt},
	0x030: {"CKR_DEVICE_ERROR", hsm.Unavailable, freshSession, hintRetry},
	0x031: {"CKR_DEVICE_MEMORY", hsm.Unavailable, freshSession, "the token ran out of memory or sessions"},
	0x032: {"CKR_DEVICE_REMOVED", hsm.Unavailable, freshLogin, hintRetry},
	0x040: {"CKR_ENCRYPTED_DATA_INVALID", hsm.Corrupt, keep, hsm.HintCorrupt},
	0x041: {"CKR_ENCRYPTED_DATA_LEN_RANGE", hsm.Corrupt, keep, hsm.HintCorrupt},
	0x042: {"CKR_AEAD_DECRYPT_FAILED", hsm.Corrupt, keep, hsm.HintCorrupt},
	0x050: {"CKR_FUNCTION_CANCELED", hsm.Unavailable, freshSession, hintRetry},
	0x054: {"CKR_FUNCTION_NOT_SUPPORTED", hsm.Unsupported, keep, hintKey},
	0x060: {"CKR_KEY_HANDLE_INVALID", hsm.Unavailable, freshSession, "the KEK's handle went stale: is the key still there?"},
	0x062: {"CKR_KEY_SIZE_RANGE", hsm.Misconfigured, keep, hintKey},
	0x063: {"CKR_KEY_TYPE_INCONSISTENT", hsm.Misconfigured, keep, hintKey},
	0x065: {"CKR_KEY_CHANGED", hsm.Unavailable, freshSession, hintRetry},
	0x068: {"CKR_KEY_FUNCTION_NOT_PERMITTED", hsm.Denied, keep, "the KEK no longer allows this use"},
	0x070: {"CKR_MECHANISM_INVALID", hsm.Unsupported, keep, hintKey},
	0x071: {"CKR_MECHANISM_PARAM_INVALID", hsm.Unsupported, keep, "the device refused the parameters: is x-profile right for this library?"},
	0x082: {"CKR_OBJECT_HANDLE_INVALID", hsm.Unavailable, freshSession, "the KEK's handle went stale: is the key still there?"},
	0x090: {"CKR_OPERATION_ACTIVE", hsm.Unavailable, freshSession, hintBug},
	0x091: {"CKR_OPERATION_NOT_INITIALIZED", hsm.Unavailable, freshSession, hintBug},
	0x0A0: {"CKR_PIN_INCORRECT", hsm.Misconfigured, keep, hintPIN},
	0x0A1: {"CKR_PIN_INVALID", hsm.Misconfigured, keep, hintPIN},
	0x0A2: {"CKR_PIN_LEN_RANGE", hsm.Misconfigured, keep, hintPIN},
	0x0A3: {"CKR_PIN_EXPIRED", hsm.Denied, keep, "set a new PIN on the token, and in pin-source"},
	0x0A4: {"CKR_PIN_LOCKED", hsm.Denied, keep, "a security officer must unlock the user's PIN"},
	0x0B0: {"CKR_SESSION_CLOSED", hsm.Unavailable, freshSession, hintRetry},
	0x0B1: {"CKR_SESSION_COUNT", hsm.Unavailable, freshLogin, "the token allows no more sessions: lower x-sessions, or the number of processes"},
	0x0B3: {"CKR_SESSION_HANDLE_INVALID", hsm.Unavailable, freshSession, hintRetry},
	0x0B4: {"CKR_SESSION_PARALLEL_NOT_SUPPORTED", hsm.Unsupported, keep, hintBug},
	0x0B5: {"CKR_SESSION_READ_ONLY", hsm.Denied, keep, "the user may not write to this token"},
	0x0B7: {"CKR_SESSION_READ_ONLY_EXISTS", hsm.Unavailable, freshLogin, hintBug},
	0x0B8: {"CKR_SESSION_READ_WRITE_SO_EXISTS", hsm.Unavailable, freshLogin, "a security officer is logged in: log out first"},
	0x0D0: {"CKR_TEMPLATE_INCOMPLETE", hsm.Unsupported, keep, "make the KEK with the vendor's tool"},
	0x0D1: {"CKR_TEMPLATE_INCONSISTENT", hsm.Unsupported, keep, "make the KEK with the vendor's tool"},
	0x0E0: {"CKR_TOKEN_NOT_PRESENT", hsm.Unavailable, freshLogin, hintToken},
	0x0E1: {"CKR_TOKEN_NOT_RECOGNIZED", hsm.Unavailable, freshModule, hintToken},
	0x0E2: {"CKR_TOKEN_WRITE_PROTECTED", hsm.Denied, keep, "the token is write-protected"},
	0x100: {"CKR_USER_ALREADY_LOGGED_IN", hsm.Unavailable, freshLogin, hintBug},
	0x101: {"CKR_USER_NOT_LOGGED_IN", hsm.Unavailable, freshSession, hintRetry},
	0x102: {"CKR_USER_PIN_NOT_INITIALIZED", hsm.Misconfigured, keep, "a security officer must set the user's PIN first"},
	0x103: {"CKR_USER_TYPE_INVALID", hsm.Misconfigured, keep, hintPIN},
	0x104: {"CKR_USER_ANOTHER_ALREADY_LOGGED_IN", hsm.Unavailable, freshLogin, hintBug},
	0x105: {"CKR_USER_TOO_MANY_TYPES", hsm.Unavailable, freshLogin, hintBug},
	0x120: {"CKR_RANDOM_SEED_NOT_SUPPORTED", hsm.Unsupported, keep, hintBug},
	0x121: {"CKR_RANDOM_NO_RNG", hsm.Unsupported, keep, "the token has no random number generator"},
	0x150: {"CKR_BUFFER_TOO_SMALL", hsm.Unsupported, keep, hintBug},
	0x190: {"CKR_CRYPTOKI_NOT_INITIALIZED", hsm.Unavailable, freshModule, hintRetry},
	0x1A0: {"CKR_MUTEX_BAD", hsm.Unavailable, freshModule, hintBug},
	0x1A1: {"CKR_MUTEX_NOT_LOCKED", hsm.Unavailable, freshModule, hintBug},
	0x1B6: {"CKR_FIPS_SELF_TEST_FAILED", hsm.Unavailable, freshModule, "the token failed its own self-test: call the vendor"},
	0x1B7: {"CKR_LIBRARY_LOAD_FAILED", hsm.Misconfigured, keep, "the module could not load a library that it needs"},
	0x200: {"CKR_FUNCTION_REJECTED", hsm.Denied, keep, "somebody refused the operation at the device"},
	0x201: {"CKR_TOKEN_RESOURCE_EXCEEDED", hsm.Unavailable, freshSession, "the token is out of resources: lower x-sessions, or the number of processes"},
	0x202: {"CKR_OPERATION_CANCEL_FAILED", hsm.Unavailable, freshSession, hintBug},
	0x203: {"CKR_KEY_EXHAUSTED", hsm.Denied, keep, "the KEK reached its limit of uses: make a new one"},
	0x204: {"CKR_PENDING", hsm.Unavailable, freshSession, hintRetry},
}

// ckRV is a CK_RV other than CKR_OK.
type ckRV uint

func (rv ckRV) Error() string { return fmt.Sprintf("CK_RV 0x%X", uint(rv)) }

func judge(rv ckRV) verdict {
	if v, ok := verdicts[rv]; ok {
		return v
	}
	return verdict{fmt.Sprintf("CKR_0x%08X", uint(rv)), hsm.Unavailable, freshSession, hintRetry}
}

// deviceError classifies err, which the call named operation on keyID returned.
func deviceError(operation, keyID string, err error) error {
	if code, ok := errors.AsType[p11.Error](err); ok {
		err = ckRV(code)
	}
	rv, ok := errors.AsType[ckRV](err)
	if !ok {
		return err
	}
	v := judge(rv)
	return &hsm.Error{
		Class: v.class, Provider: Kind, Operation: operation, KeyID: keyID,
		Code: v.name, Hint: v.hint, Err: rv,
	}
}

// returned reports whether err is the device's answer rv.
func returned(err error, rv uint) bool {
	got, ok := errors.AsType[ckRV](err)
	return ok && got == ckRV(rv)
}

// healing returns the least level that may help against err; keep for none.
func healing(err error) level {
	if rv, ok := errors.AsType[ckRV](err); ok {
		return judge(rv).heal
	}
	return keep
}

// furthest returns the highest level that may help against err: resetting the
// module under all others does not bring back a missing key.
func furthest(err error) level {
	if returned(err, p11.CKR_OBJECT_HANDLE_INVALID) {
		return freshLogin
	}
	return freshModule
}

// doubtful reports whether err, from a decryption, may mean bad data or a
// failing device: SoftHSM answers a wrong GCM tag with CKR_GENERAL_ERROR.
func doubtful(err error) bool {
	return returned(err, p11.CKR_GENERAL_ERROR) || returned(err, p11.CKR_FUNCTION_FAILED)
}
