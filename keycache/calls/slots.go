package calls

import "context"

// Slots bound the calls in flight to one back end. A back end has its own: one
// that hangs delays no other. Calls for strangers have slots of their own too:
// anybody may cause such a call with a forged record, and none of them delays a
// verification. Safe for concurrent use.
type Slots struct{ strangers, ours chan struct{} }

// NewSlots returns n slots for calls for strangers, and n for all others.
func NewSlots(n int) Slots {
	return Slots{strangers: make(chan struct{}, n), ours: make(chan struct{}, n)}
}

// Take waits for a slot, which release gives back. It returns the error of ctx
// if ctx ends first.
func (s *Slots) Take(ctx context.Context, stranger bool) (release func(), err error) {
	slot := s.ours
	if stranger {
		slot = s.strangers
	}
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
