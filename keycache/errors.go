package keycache

import (
	"errors"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
)

// A Reason says why a key could not be used, or a value not opened. It is a
// stable name that spans, metrics and refusals show.
type Reason string

// The reasons.
const (
	NotEnvelope      Reason = "value_not_sealed"   // on open: the text is no envelope at all
	SuiteUnapproved  Reason = "suite_not_approved" // on open: sealed by a suite that is not FIPS-approved, where only those are admitted
	OpenFailed       Reason = "value_not_opened"   // forged, changed, another tag's, another key's: never told apart
	KeyUnavailable   Reason = "key_unavailable"    // the KMS or HSM does not answer, and no cached data key may serve
	KeyDenied        Reason = "key_denied"         // revoked, disabled, not permitted
	KeyUnclear       Reason = "key_unclear"        // the KMS gave an answer that may be a refusal, and no data key within its soft TTL may serve
	KeyMisconfigured Reason = "key_misconfigured"  // only an operator can fix it
	AuditFull        Reason = "audit_unavailable"  // the key use could not be recorded
	TooManyUnknown   Reason = "too_many_unknown"   // on open: too many of the caller's envelopes lately were under data keys that nobody knows
)

// An Error is why a key use failed. The cause is for logs and spans; nothing of
// it goes to a client.
type Error struct {
	Reason Reason
	Key    string // configured key name
	Err    error
}

// Error reads "key customer: key_denied: <cause>".
func (e *Error) Error() string {
	s := "key " + e.Key + ": " + string(e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// reasonToSeal turns a provider's failure into ours.
func reasonToSeal(err error) Reason {
	switch hsm.ClassOf(err) {
	case hsm.Unavailable:
		return KeyUnavailable
	case hsm.Denied:
		return KeyDenied
	case hsm.Unclear:
		return KeyUnclear
	default:
		return KeyMisconfigured
	}
}

// reasonToOpen is reasonToSeal for a record that a stranger may have made: if
// it is corrupt, that is no news to an operator.
func reasonToOpen(err error) Reason {
	switch {
	case errors.Is(err, calls.ErrSpent):
		return TooManyUnknown
	case hsm.ClassOf(err) == hsm.Corrupt:
		return OpenFailed
	}
	return reasonToSeal(err)
}

// outcome is what key uses show as their error.type when their exchange failed.
func outcome(cause error) string {
	if e, ok := errors.AsType[*Error](cause); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*codec.Error](cause); ok {
		return string(e.Code)
	}
	return "exchange_failed"
}
