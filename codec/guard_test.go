package codec_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// HoldsEnvelope finds what a search at each byte finds, among many full stops
// too.
func TestHoldsEnvelope(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	isHead := func(text []byte) bool { return text[codec.HeadLen-1] == 'A' }
	for range 20_000 {
		var b strings.Builder
		for n := r.IntN(60); n > 0; n-- {
			b.WriteString([]string{".", "..1.", "sm1.", "sm1", "A", "a long run of other text "}[r.IntN(6)])
		}
		text, want := b.String(), false
		for i := range len(text) - codec.HeadLen + 1 {
			head := text[i : i+codec.HeadLen]
			want = want || strings.HasPrefix(head, "sm1.") && isHead([]byte(head))
		}
		if got := codec.HoldsEnvelope([]byte(text), isHead); got != want {
			t.Fatalf("%q: %v", text, got)
		}
	}
}
