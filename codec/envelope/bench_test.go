package envelope_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// BenchmarkEnvelope seals and opens whole envelopes; op=suite-… is the share of
// the suite.
func BenchmarkEnvelope(b *testing.B) {
	for s := range suite.All() {
		for _, n := range []int{16, 1024} {
			h, c, value := header(s.ID, codec.Text, nil), newCipher(b, s.ID, testKey), bytes.Repeat([]byte("v"), n)
			dst := make([]byte, 0, 4<<10)
			sealer, err := envelope.NewSealer(h, c)
			if err != nil {
				b.Fatal(err)
			}
			text, err := sealer.Seal(nil, h.Kind, value, testContext)
			if err != nil {
				b.Fatal(err)
			}
			aad := envelope.AppendAAD(nil, h, testContext)
			payload, err := c.Seal(nil, value, aad)
			if err != nil {
				b.Fatal(err)
			}
			run := func(op string, f func() error) {
				b.Run(fmt.Sprintf("op=%s/suite=%s/bytes=%d", op, s.Name, n), func(b *testing.B) {
					b.SetBytes(int64(n))
					b.ReportAllocs()
					for b.Loop() {
						if err := f(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			var buf []byte
			run("seal", func() error {
				_, err := sealer.Seal(dst, h.Kind, value, testContext)
				return err
			})
			run("suite-seal", func() error {
				_, err := c.Seal(dst, value, aad)
				return err
			})
			run("open", func() error {
				h, payload, out, err := envelope.Parse(buf, text)
				if err != nil {
					return err
				}
				_, buf, err = envelope.Open(dst, out, h, c, payload, testContext)
				return err
			})
			run("suite-open", func() error {
				_, err := c.Open(dst, payload, aad)
				return err
			})
			run("parse", func() error {
				var err error
				_, _, buf, err = envelope.Parse(buf, text)
				return err
			})
		}
	}
}
