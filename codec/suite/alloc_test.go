//go:build !race

package suite_test

import (
	"bytes"
	"testing"

	"github.com/sealmesh/sealmesh/codec/suite"
)

func TestAllocs(t *testing.T) {
	for s := range suite.All() {
		c, other := newCipher(t, s, 1), newCipher(t, s, 1)
		for _, n := range []int{0, 16, 100, 1024, 1 << 16} {
			plaintext, aad := bytes.Repeat([]byte("p"), n), bytes.Repeat([]byte("a"), 64)
			dst := make([]byte, 0, n+s.Overhead)
			sealed, err := other.Seal(nil, plaintext, aad)
			if err != nil {
				t.Fatal(err)
			}
			for name, f := range map[string]func() ([]byte, error){
				"Seal": func() ([]byte, error) { return c.Seal(dst, plaintext, aad) },
				"Open": func() ([]byte, error) { return c.Open(dst, sealed, aad) },
			} {
				if allocs := testing.AllocsPerRun(100, func() {
					if _, err := f(); err != nil {
						t.Fatal(err)
					}
				}); allocs > most(s, n) {
					t.Errorf("%s: %s of %d bytes allocates %v times", s.Name, name, n, allocs)
				}
			}
		}
	}
}

// most is how often a call may allocate for a value of n bytes.
func most(s *suite.Suite, n int) float64 {
	if s.Deterministic && n >= 2<<10 {
		return 1
	}
	return 0
}
