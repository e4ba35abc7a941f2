package hsm

import (
	"fmt"
	"log/slog"
	"sync"
)

const redacted = "[REDACTED]"

// A Secret holds the bytes of one data key. It prints, logs and marshals as a
// redaction. Only [Secret.Expose] gives access to the bytes, so that every use
// can be found. Safe for concurrent use.
type Secret struct {
	mu sync.RWMutex
	// A pointer, because fmt calls no methods of an unexported field: %t of a
	// struct that holds a *Secret prints the Secret's fields, one level deep.
	b *[]byte
}

// NewSecret takes ownership of b: the caller keeps no reference to it.
func NewSecret(b []byte) *Secret { return &Secret{b: &b} }

// Expose calls f with the bytes. f must neither retain nor change them. After
// [Secret.Destroy] f gets an empty slice.
func (s *Secret) Expose(f func([]byte)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(*s.b)
}

// Destroy zeroes the bytes after any running Expose has returned. It may be
// called more than once.
//
// It cannot reach copies that the Go runtime or a cipher's key schedule made:
// those remain until the garbage collector reuses their memory.
func (s *Secret) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(*s.b)
	*s.b = nil
}

// String returns a redaction, as does every way to format, log or marshal a
// Secret.
func (*Secret) String() string               { return redacted }
func (*Secret) GoString() string             { return redacted }
func (*Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (*Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (*Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
