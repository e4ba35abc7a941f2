package hsmtest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// Context makes an encryption context from alternating names and values. It
// ends the test if they are invalid.
func Context(t testing.TB, pairs ...string) hsm.EncryptionContext {
	t.Helper()
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	ec, err := hsm.NewEncryptionContext(m)
	if err != nil {
		t.Fatal(err)
	}
	return ec
}

var bound = map[string]string{"service": "customers", "tenant": "north"}

func boundContext(t *testing.T) hsm.EncryptionContext {
	return Context(t, "service", bound["service"], "tenant", bound["tenant"])
}

// contextBound checks that a wrap opens only under its own context. Some of the
// other contexts are those that a careless encoding would confuse with it.
func (s suite) contextBound(t *testing.T) {
	key, wrapped := s.generate(t, boundContext(t))
	s.mustUnwrap(t, wrapped, Context(t, "tenant", "north", "service", "customers"), key)

	others := map[string]hsm.EncryptionContext{
		"empty":          {},
		"other value":    Context(t, "service", "customers", "tenant", "south"),
		"other case":     Context(t, "service", "customers", "tenant", "North"),
		"missing pair":   Context(t, "service", "customers"),
		"extra pair":     Context(t, "service", "customers", "tenant", "north", "zone", "a"),
		"other name":     Context(t, "service", "customers", "tenants", "north"),
		"swapped values": Context(t, "service", "north", "tenant", "customers"),
		"moved boundary": Context(t, "service", "customer", "stenant", "north"),
		"joined pair":    Context(t, "service", "customers\x00\x06tenant\x00\x05north"),
		"trailing space": Context(t, "service", "customers", "tenant", "north "),
	}
	for name, other := range others {
		if why, ok := s.Gaps[name]; ok {
			t.Logf("%s: known gap: %s", name, why)
			continue
		}
		s.mustBeCorrupt(t, name, wrapped, other)
	}

	key, wrapped = s.generate(t, hsm.EncryptionContext{})
	s.mustUnwrap(t, wrapped, hsm.EncryptionContext{}, key)
	s.mustBeCorrupt(t, "context where there was none", wrapped, boundContext(t))

	again, err := s.wrap.WrapDataKey(t.Context(), hsm.NewSecret(bytes.Clone(key)), boundContext(t))
	if err != nil {
		t.Fatalf("WrapDataKey: %v", err)
	}
	s.mustBeCorrupt(t, "WrapDataKey, no context", again, hsm.EncryptionContext{})
	s.mustUnwrap(t, again, boundContext(t), key)
}

func (s suite) otherKEK(t *testing.T) {
	if s.Other == nil {
		t.Skip("the harness has no other KEK")
	}
	ec := boundContext(t)
	_, wrapped, err := open(t, s.Other).GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatalf("GenerateDataKey by the other KEK: %v", err)
	}
	s.mustBeCorrupt(t, "wrap by another KEK", wrapped, ec)
}

func (s suite) tampered(t *testing.T) {
	ec := boundContext(t)
	key, wrapped := s.generate(t, ec)
	for i := range s.positions(len(wrapped)) {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 1 << (i % 8)
		s.mustBeCorrupt(t, fmt.Sprintf("bit flipped in byte %d of %d", i, len(wrapped)), bad, ec)
	}
	s.mustUnwrap(t, wrapped, ec, key)
}

func (s suite) truncated(t *testing.T) {
	ec := boundContext(t)
	_, wrapped := s.generate(t, ec)
	for n := range s.positions(len(wrapped)) {
		s.mustBeCorrupt(t, fmt.Sprintf("first %d of %d bytes", n, len(wrapped)), wrapped[:n:n], ec)
	}
	s.mustBeCorrupt(t, "one byte more", append(bytes.Clone(wrapped), 0), ec)
	s.mustBeCorrupt(t, "twice over", append(bytes.Clone(wrapped), wrapped...), ec)
}

// positions yields every index below n, or Sample of them with the first and
// the last.
func (s suite) positions(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		count := n
		if s.Sample > 1 && s.Sample < n {
			count = s.Sample
		}
		for i := range count {
			at := i
			if count < n {
				at = i * (n - 1) / (count - 1)
			}
			if !yield(at) {
				return
			}
		}
	}
}

func (s suite) hostileInput(t *testing.T) {
	ec := boundContext(t)
	s.mustBeCorrupt(t, "nil", nil, ec)
	s.mustBeCorrupt(t, "empty", []byte{}, ec)
	for _, n := range []int{1, 12, 28, 32, 60, 184, 256, 384, hsm.MaxWrappedSize, hsm.MaxWrappedSize + 1} {
		s.mustBeCorrupt(t, fmt.Sprintf("%d zero bytes", n), make([]byte, n), ec)
		s.mustBeCorrupt(t, fmt.Sprintf("%d bytes of 0xff", n), bytes.Repeat([]byte{0xff}, n), ec)
	}
}
