// Package hsmtest is the conformance suite of [hsm.Provider]. Every back end
// runs the same tests, so packages above hsm need not know which back end a KEK
// has.
//
// To add a back end, make one folder below hsm:
//
//  1. Copy the provider in this package's example, and replace the requests by
//     those of your service. Read [hsm.Provider] for the rules.
//  2. Sort every error code of the service into an [hsm.Class] by one table, as
//     gcpkms/verdicts.go does. A code that the table lacks is [hsm.Unclear] if
//     the service itself answered, and [hsm.Unavailable] otherwise.
//  3. Call [Run] in a test, with a [Harness] that opens your provider. A fake
//     of the service belongs in a folder below yours.
//  4. Export Kind, the part of a KEK's URI before the first colon, and Open.
//
// Then add one line with the next free number to the table in hsm/builtin. The
// number is permanent: wrapped-key records contain it.
package hsmtest

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// A Harness tells [Run] how to open the back end and what it can do. Only Open
// is required. The zero value of every other field is the strictest.
type Harness struct {
	// Open returns a new handle on the KEK under test, the same KEK each time. Run
	// closes the handle if it is an [io.Closer]; Open registers other clean-up.
	Open func(t testing.TB) hsm.Provider

	// Other returns a handle on another KEK of the same back end. Nil skips the
	// test that a wrap by another KEK is corrupt; say why where you leave it nil.
	Other func(t testing.TB) hsm.Provider

	// Unwrapper is set if the handles of Open are seal-only. Then their
	// UnwrapDataKey must fail as Denied or Unsupported, and the suite unwraps with
	// Unwrapper's handle on the same KEK.
	Unwrapper func(t testing.TB) hsm.Provider

	// Sample is how many positions of a wrapped key the tests Tampered and
	// Truncated try, spread over its whole length. Zero is every position; slow
	// back ends set it.
	Sample int

	// ContextInside is set if the back end opens a wrap under any context and the
	// provider compares the context: then the call succeeds and the operation
	// fails.
	ContextInside bool

	// Gaps names tests that the back end is known to fail, each with the reason.
	// It is only for emulators with flaws that the real back end does not have.
	Gaps map[string]string
}

// Run tests the contract. It makes a few hundred calls, and two for every byte
// of a wrapped key, or for [Harness.Sample] of them.
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
