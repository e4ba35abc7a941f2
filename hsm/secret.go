package hsm

import (
	"fmt"
	"log/slog"
	"sync"
)

const redacted = "[REDACTED]"

// A Secret holds the bytes of one data key. It prints, logs and marshals as a
// redaction; [Secret.Expose] is the only way to the bytes, so that every use of
// one can be found. Safe for concurrent use.
type Secret struct {
	mu sync.RWMutex
	// A pointer, because fmt calls no method of an unexported field: %t of a
	// struct that holds a *Secret prints what is in it, one level deep.
	b *[]byte
}

// NewSecret takes ownership of b: the caller keeps no reference to it.
func NewSecret(b []byte) *Secret { return &Secret{b: &b} }

// Expose calls f with the bytes, which f must neither retain nor change. After
// [Secret.Destroy] f sees an empty slice.
func (s *Secret) Expose(f func([]byte)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(*s.b)
}

// Destroy zeroes the bytes, waiting for any Expose that still runs. It may be
// called more than once.
//
// Copies that the Go runtime or a cipher's key schedule made are out of its
// reach: they go when the garbage collector reuses their memory.
func (s *Secret) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(*s.b)
	*s.b = nil
}

// String returns a redaction, as do all the ways to format, log or marshal a Secret.
func (*Secret) String() string               { return redacted }
func (*Secret) GoString() string             { return redacted }
func (*Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (*Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (*Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
