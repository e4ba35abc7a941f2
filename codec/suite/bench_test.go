package suite_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// BenchmarkSuites puts every suite beside AES-256-GCM as the standard library
// has it, the floor: a random nonce, and nothing else.
func BenchmarkSuites(b *testing.B) {
	for _, n := range []int{16, 1024, 64 << 10} {
		for s := range suite.All() {
			c, other := newCipher(b, s, 1), newCipher(b, s, 1)
			benchmark(b, s.Name, n, s.Overhead, c.Seal, c.Open)
			sealed := seal(b, other, string(make([]byte, n)), "aad")
			b.Run(fmt.Sprintf("op=first-open/suite=%s/bytes=%d", s.Name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := newCipher(b, s, 1).Open(nil, sealed, []byte("aad")); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		block, err := aes.NewCipher(make([]byte, suite.KeySize))
		if err != nil {
			b.Fatal(err)
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			b.Fatal(err)
		}
		benchmark(b, "bare-gcm", n, gcm.Overhead(),
			func(dst, plaintext, aad []byte) ([]byte, error) { return gcm.Seal(dst, nil, plaintext, aad), nil },
			func(dst, payload, aad []byte) ([]byte, error) { return gcm.Open(dst, nil, payload, aad) })
	}
}

func benchmark(b *testing.B, name string, n, overhead int, seal, open func(dst, in, aad []byte) ([]byte, error)) {
	plaintext, aad := make([]byte, n), bytes.Repeat([]byte("a"), 64)
	dst := make([]byte, 0, n+overhead)
	sealed, err := seal(nil, plaintext, aad)
	if err != nil {
		b.Fatal(err)
	}
	run := func(op string, in []byte, f func(dst, in, aad []byte) ([]byte, error)) {
		b.Run(fmt.Sprintf("op=%s/suite=%s/bytes=%d", op, name, n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(dst, in, aad); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("seal", plaintext, seal)
	run("open", sealed, open)
}
