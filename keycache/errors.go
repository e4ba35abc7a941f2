package keycache

// A Reason says why a key could not be used, or a value not opened. It is a
// stable name that spans, metrics and refusals show.
type Reason string

// The reasons.
const (
	NotEnvelope      Reason = "value_not_sealed"  // on open: the text is no envelope at all
	OpenFailed       Reason = "value_not_opened"  // forged, changed, another tag's, another key's: never told apart
	KeyUnavailable   Reason = "key_unavailable"   // the KMS or HSM does not answer and no cached key may serve
	KeyDenied        Reason = "key_denied"        // revoked, disabled, not permitted
	KeyMisconfigured Reason = "key_misconfigured" // only an operator can mend it
	AuditFull        Reason = "audit_unavailable" // the key use could not be recorded
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
