// Package hsmtest is the contract of [hsm.Provider] as tests. Every back end
// runs the same suite, so that nothing above hsm needs to know which one it has.
package hsmtest

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// A Harness tells [Run] how to reach the back end, and which optional abilities
// it has. The zero value of every field but Open is the strict choice.
type Harness struct {
	// Open returns a new handle on the KEK under test, the same KEK each time.
	// It registers its own clean-up; Run closes the handle too where it can be.
	Open func(t testing.TB) hsm.Provider

	// Other returns a handle on another KEK of the same back end. Nil skips the
	// proof that a wrap by another KEK is corrupt; say why where you leave it out.
	Other func(t testing.TB) hsm.Provider

	// Unwrapper is set for a seal-only handle: Open's UnwrapDataKey must then
	// fail as Denied or Unsupported, and what it wrapped is opened by
	// Unwrapper's handle on the same KEK.
	Unwrapper func(t testing.TB) hsm.Provider

	// Sample is how many positions of a wrapped key the tamper and truncation
	// proofs try, spread over its whole length. Zero is every one; slow back
	// ends set it.
	Sample int

	// ContextInside is set where the back end opens a wrap under any context, and the
	// provider compares it: the call succeeds then, and the operation does not.
	ContextInside bool

	// Gaps names proofs that the back end is known to fail, each with the reason:
	// for emulators whose flaws are not the real back end's, and for nothing else.
	Gaps map[string]string
}

// Run proves the contract. It makes a few hundred calls, plus two for every
// byte of a wrapped key that [Harness.Sample] allows.
func Run(t *testing.T, h Harness) {
	t.Helper()
	tests := []struct {
		name string
		run  func(suite, *testing.T)
	}{
		{"GenerateRoundTrip", suite.generateRoundTrip},
		{"WrapRoundTrip", suite.wrapRoundTrip},
		{"WrapDoesNotRetain", suite.wrapDoesNotRetain},
		{"KeysDistinct", suite.keysDistinct},
		{"Reopened", suite.reopened},
		{"ContextBound", suite.contextBound},
		{"OtherKEK", suite.otherKEK},
		{"Tampered", suite.tampered},
		{"Truncated", suite.truncated},
		{"HostileInput", suite.hostileInput},
		{"BadDataKey", suite.badDataKey},
		{"Cancelled", suite.cancelled},
		{"Concurrent", suite.concurrent},
		{"Observed", suite.observed},
		{"SealOnly", suite.sealOnly},
		{"Described", suite.described},
		{"Closed", suite.closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if why, ok := h.Gaps[tt.name]; ok {
				t.Skip("known gap: " + why)
			}
			tt.run(newSuite(t, h), t)
		})
	}
}
