package hsmtest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

func (s suite) generateRoundTrip(t *testing.T) {
	for name, ec := range map[string]hsm.EncryptionContext{
		"bound":   boundContext(t),
		"empty":   {},
		"unicode": Context(t, "dienst", "Kundenakte äöü 顧客"),
		"full":    fullContext(t),
	} {
		t.Run(name, func(t *testing.T) {
			key, wrapped := s.generate(t, ec)
			s.mustUnwrap(t, wrapped, ec, key)
			s.mustUnwrap(t, wrapped, ec, key) // a wrap opens as often as it is asked to
		})
	}
}

// fullContext is as large as a context may be in number of pairs.
func fullContext(t *testing.T) hsm.EncryptionContext {
	var pairs []string
	for i := range hsm.MaxContextPairs {
		pairs = append(pairs, fmt.Sprintf("name-%02d", i), "value")
	}
	return Context(t, pairs...)
}

func (s suite) wrapRoundTrip(t *testing.T) {
	ec := boundContext(t)
	random := make([]byte, hsm.DataKeySize)
	rand.Read(random)
	for name, key := range map[string][]byte{
		"random": random,
		// A number with leading zeros, for providers that pass keys through a
		// big.Int.
		"leading zeros": append(make([]byte, 4), random[4:]...),
	} {
		t.Run(name, func(t *testing.T) {
			wrapped, err := s.wrap.WrapDataKey(t.Context(), hsm.NewSecret(bytes.Clone(key)), ec)
			if err != nil {
				t.Fatalf("WrapDataKey: %v", err)
			}
			if bytes.Contains(wrapped, key[4:]) {
				t.Fatal("wrapped key contains the key")
			}
			s.mustUnwrap(t, wrapped, ec, key)
		})
	}
}

func (s suite) wrapDoesNotRetain(t *testing.T) {
	ec := boundContext(t)
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key)
	secret := hsm.NewSecret(bytes.Clone(key))
	wrapped, err := s.wrap.WrapDataKey(t.Context(), secret, ec)
	if err != nil {
		t.Fatalf("WrapDataKey: %v", err)
	}
	if !bytes.Equal(exposed(secret), key) {
		t.Fatal("WrapDataKey changed the key it was given")
	}
	secret.Destroy()
	s.mustUnwrap(t, wrapped, ec, key)
}

// keysDistinct would catch a fixed key, a fixed nonce and a buffer that is
// handed out twice.
func (s suite) keysDistinct(t *testing.T) {
	ec := boundContext(t)
	seen := map[string]bool{}
	var keys, wraps [][]byte
	for range 16 {
		key, wrapped := s.generate(t, ec)
		if seen[string(key)] || seen[string(wrapped)] || bytes.Equal(key, make([]byte, hsm.DataKeySize)) {
			t.Fatal("GenerateDataKey gave the same key or wrap twice, or no key at all")
		}
		seen[string(key)], seen[string(wrapped)] = true, true
		keys, wraps = append(keys, key), append(wraps, wrapped)
	}
	for i := range keys {
		s.mustUnwrap(t, wraps[i], ec, keys[i])
	}
	first, err1 := s.wrap.WrapDataKey(t.Context(), hsm.NewSecret(bytes.Clone(keys[0])), ec)
	second, err2 := s.wrap.WrapDataKey(t.Context(), hsm.NewSecret(bytes.Clone(keys[0])), ec)
	if err1 != nil || err2 != nil {
		t.Fatalf("WrapDataKey: %v, %v", err1, err2)
	}
	if bytes.Equal(first, second) {
		t.Fatal("two wraps of one key are equal: the wrap is not randomised")
	}
}

// reopened proves that nothing needed to unwrap lives in the handle alone.
func (s suite) reopened(t *testing.T) {
	ec := boundContext(t)
	key, wrapped := s.generate(t, ec)
	again := s.Open
	if s.Unwrapper != nil {
		again = s.Unwrapper
	}
	s.unwrap = open(t, again)
	s.mustUnwrap(t, wrapped, ec, key)
}
