package hsm

import (
	"errors"
	"fmt"
	"strings"
)

// Class says what sealmesh does about a provider's failure. keycache decides
// from the class alone.
type Class uint8

const (
	// Unavailable: no answer, a 5xx, throttling, or the answer of an
	// intermediary. Worth another try; cached keys serve until their hard TTL.
	Unavailable Class = iota + 1
	// Denied: a refusal that the provider's table lists. The KEK is revoked,
	// disabled, deleted or not found, or the caller is not permitted. Cached
	// keys are evicted at once.
	Denied
	// Corrupt: wrong context, wrong KEK, or changed bytes.
	Corrupt
	// Unsupported: the KEK or the back end cannot do this.
	Unsupported
	// Misconfigured: the configuration names something that is not there or is
	// not what it says. Only an operator can fix it.
	Misconfigured
	// Unclear: the back end itself answered, with a typed code or a request id,
	// but the answer is not listed, or may mean a refusal as well as an outage.
	// Worth another try. Cached keys are never evicted for it: they serve until
	// their soft TTL and no longer.
	Unclear
)

var classNames = [...]string{"", "unavailable", "denied", "corrupt", "unsupported", "misconfigured", "unclear"}

// String gives the class's stable, lower-case name, as spans and metrics show it.
func (c Class) String() string {
	if c == 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// HintCorrupt is the hint of an error that is [Corrupt], whichever of the three it was.
const HintCorrupt = "the wrapped key was made by another KEK, under another key context, or has been changed"

// An Error is a provider's failure. It never holds key material or wrapped bytes.
type Error struct {
	Class     Class
	Provider  string // kind: "awskms"
	Operation string // the back end's own name: "Decrypt", "C_Encrypt"
	KeyID     string // the configured or resolved KEK
	Code      string // the back end's own code: "DisabledException", "CKR_DEVICE_ERROR"
	RequestID string // joins the failure to the back end's audit log
	Hint      string // what an operator does next, a sentence without a full stop
	Err       error  // the cause, or nil
}

// Error reads "awskms Decrypt: denied: DisabledException: key <id>: <cause> (hint)".
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

// Passing reports whether a failure of class c may pass without anybody's help: the
// back end gave no answer, or none that says what is wrong.
func (c Class) Passing() bool { return c == Unavailable || c == Unclear }

// ClassOf classifies err. An error that no provider classified, a context's
// own among them, is [Unavailable]: it may pass, and it never evicts a key.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unavailable
}
