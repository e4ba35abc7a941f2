//go:build !race

package envelope_test

import (
	"bytes"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

func TestAllocs(t *testing.T) {
	for name, h := range headers {
		c := newCipher(t, h.Suite, testKey)
		for _, n := range []int{0, 16, 1024} {
			value := bytes.Repeat([]byte("v"), n)
			dst := make([]byte, 0, 4<<10)
			s, err := envelope.NewSealer(h, c)
			if err != nil {
				t.Fatal(err)
			}
			text, err := s.Seal(nil, h.Kind, value, testContext)
			if err != nil {
				t.Fatal(err)
			}
			if allocs := testing.AllocsPerRun(100, func() {
				if _, err := s.Seal(dst, h.Kind, value, testContext); err != nil {
					t.Fatal(err)
				}
			}); allocs != 0 {
				t.Errorf("%s: Seal of %d bytes allocates %v times", name, n, allocs)
			}
			var buf []byte // grows once
			if allocs := testing.AllocsPerRun(100, func() {
				h, payload, out, err := envelope.Parse(buf, text)
				if err != nil {
					t.Fatal(err)
				}
				if _, buf, err = envelope.Open(dst, out, h, c, payload, testContext); err != nil {
					t.Fatal(err)
				}
			}); allocs != 0 {
				t.Errorf("%s: Parse and Open of %d bytes allocate %v times", name, n, allocs)
			}
		}
	}
}
