// Package keycache is the only place where data keys live unwrapped. It makes
// them, unwraps them, bounds their use, and records every use: no record, no key.
package keycache

import (
	"context"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.opentelemetry.io/otel/trace"
)

// Options of a [Cache]. Zero values take the documented defaults.
type Options struct {
	Recorder *keyuse.Recorder // required
	Tracer   trace.Tracer     // client spans of provider calls; nil for none
	MaxKeys  int              // unwrapped data keys held for opening, LRU beyond
	Parallel int              // provider calls in flight at once
}

// A Cache holds the unwrapped data keys of one keyring. Safe for concurrent use.
type Cache struct{}

// New returns an empty cache over ring.
func New(ring *hsm.Keyring, opt Options) (*Cache, error) { panic("not yet") }

// Verify proves every key: generates or loads a data key, wraps it under each
// KEK, unwraps it, and seals and opens one value with every suite that a tag uses.
func (c *Cache) Verify(ctx context.Context) error { panic("not yet") }

// Flush drops every unwrapped data key of the key of that name, or of all keys
// when name is empty.
func (c *Cache) Flush(name string) { panic("not yet") }

// Close drops all keys and stops background work. Sessions must have ended.
func (c *Cache) Close() error { panic("not yet") }

// A Tag is how values of one data class are protected: a key, a suite, and the
// context that is authenticated with each value. Immutable.
type Tag struct{}

// Tag resolves a tag once, when a policy is compiled. context is bound into the
// field context together with name.
func (c *Cache) Tag(name, key string, id suite.ID, context map[string]string) (*Tag, error) {
	panic("not yet")
}

// A Session is one direction of one exchange: its right to use keys, and the
// account of what it used. Not safe for concurrent use.
type Session struct{}

// Session begins a direction. It takes no key yet.
func (c *Cache) Session(ctx context.Context, x keyuse.Exchange) *Session { panic("not yet") }

// Warm begins to fetch, in the background, the data key that seals under t.
func (s *Session) Warm(t *Tag) { panic("not yet") }

// Prefetch begins to unwrap, in the background, the data key of an envelope
// that Open will be given soon. It does nothing on a hit or when text is no envelope.
func (s *Session) Prefetch(t *Tag, text []byte) { panic("not yet") }

// Seal appends the envelope of value to dst. Errors are *Error.
func (s *Session) Seal(dst []byte, t *Tag, kind codec.Kind, value []byte) ([]byte, error) {
	panic("not yet")
}

// Open appends the value that text seals to dst, and returns its kind. Errors are *Error.
func (s *Session) Open(dst []byte, t *Tag, text []byte) ([]byte, codec.Kind, error) {
	panic("not yet")
}

// Admit makes sure that every key use so far will be recorded. A streamed
// direction calls it before each chunk leaves; with `audit: required` it fails when
// the record has no room, and then nothing may leave.
func (s *Session) Admit() error { panic("not yet") }

// Close records the key uses of the direction, with cause as their outcome when
// it is not nil, and ends the session. A buffered direction calls it before its
// body leaves. It is idempotent: later calls return the first result.
func (s *Session) Close(cause error) error { panic("not yet") }
