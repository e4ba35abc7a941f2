package hsm

import (
	"errors"
	"fmt"
	"strings"
)

// Class says how sealmesh reacts to a provider's failure. keycache looks only
// at the class.
type Class uint8

const (
	// Unavailable: no answer, a 5xx, throttling, or the answer of an intermediary.
	// It is retried, and cached data keys are used until their hard TTL.
	Unavailable Class = iota + 1
	// Denied: a refusal that the provider's table lists. The KEK is revoked,
	// disabled, deleted or not found, or this process lacks permission. Cached
	// data keys are evicted at once.
	Denied
	// Corrupt: wrong context, wrong KEK, or changed bytes.
	Corrupt
	// Unsupported: the KEK or the back end cannot do this.
	Unsupported
	// Misconfigured: the policy, the KEK's URI or this process's set-up is wrong,
	// or a KEK does not meet the policy's requirements. Only an operator can fix
	// it.
	Misconfigured
	// Unclear: the back end itself answered, with a typed code or a request id,
	// but the answer is not listed, or may mean a refusal or an outage. It is
	// retried. Cached data keys are not evicted, but are used only until their
	// soft TTL.
	Unclear
)

var classNames = [...]string{"", "unavailable", "denied", "corrupt", "unsupported", "misconfigured", "unclear"}

// String returns the stable, lower-case name of c in spans and metrics.
func (c Class) String() string {
	if c == 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// HintCorrupt is the hint of a [Corrupt] error. It does not distinguish the
// causes.
const HintCorrupt = "the wrapped key was made by another KEK, under another key context, or has been changed"

// An Error is a provider's failure. It never holds key material or wrapped
// bytes.
type Error struct {
	Class     Class
	Provider  string // kind: "awskms"
	Operation string // the back end's own name: "Decrypt", "C_Encrypt"
	KeyID     string // the configured or resolved KEK
	Code      string // the back end's own code: "DisabledException", "CKR_DEVICE_ERROR"
	RequestID string // joins the failure to the back end's audit log
	Hint      string // how an operator fixes it, a sentence without a full stop
	Err       error  // the cause, or nil
}

// Error reads "awskms Decrypt: denied: DisabledException: key <id>: <cause>
// (hint)".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Provider, e.Operation, e.Class)
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.KeyID != "" {
		b.WriteString(": key " + e.KeyID)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Passing reports whether a failure of class c may end without help: the back
// end gave no answer, or an answer that may mean an outage.
func (c Class) Passing() bool { return c == Unavailable || c == Unclear }

// ClassOf returns the class of err. An error that is no [*Error], such as that
// of a context, is [Unavailable]: it may pass and never evicts a data key.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unavailable
}
