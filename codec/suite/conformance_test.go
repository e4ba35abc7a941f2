package suite_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// TestConformance is what every suite of the table keeps.
func TestConformance(t *testing.T) {
	for s := range suite.All() {
		t.Run(s.Name, func(t *testing.T) { conform(t, s) })
	}
}

func conform(t *testing.T, s *suite.Suite) {
	t.Run("table", func(t *testing.T) { testEntry(t, s) })
	t.Run("key", func(t *testing.T) { testKey(t, s) })
	t.Run("lengths", func(t *testing.T) { testLengths(t, s) })
	t.Run("append", func(t *testing.T) { testAppend(t, s) })
	t.Run("overlap", func(t *testing.T) { testOverlap(t, s) })
	t.Run("equality", func(t *testing.T) { testEquality(t, s) })
	t.Run("forgery", func(t *testing.T) { testForgery(t, s) })
	t.Run("swap", func(t *testing.T) { testSwap(t, s) })
	t.Run("concurrent", func(t *testing.T) { testConcurrent(t, s) })
}

func newCipher(t testing.TB, s *suite.Suite, fill byte) suite.Cipher {
	t.Helper()
	c, err := s.New(bytes.Repeat([]byte{fill}, suite.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func seal(t testing.TB, c suite.Cipher, plaintext, aad string) []byte {
	t.Helper()
	payload, err := c.Seal(nil, []byte(plaintext), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func testEntry(t *testing.T, s *suite.Suite) {
	if suite.ByID(s.ID) != s || suite.ByName(s.Name) != s {
		t.Error("the table does not find its entry")
	}
	if id := newCipher(t, s, 1).Suite(); id != s.ID {
		t.Errorf("its Cipher is of suite %d", id)
	}
	if s.MaxMessages == 0 {
		t.Error("no message may be sealed")
	}
}

func testKey(t *testing.T, s *suite.Suite) {
	for _, n := range []int{0, 16, 24, 31, 33, 64} {
		if _, err := s.New(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
	key := bytes.Repeat([]byte{1}, suite.KeySize)
	c, err := s.New(key)
	if err != nil {
		t.Fatal(err)
	}
	clear(key)
	payload := seal(t, c, "value", "aad")
	if _, err := newCipher(t, s, 1).Open(nil, payload, []byte("aad")); err != nil {
		t.Error("the Cipher depends on the caller's key after New")
	}
	if _, err := newCipher(t, s, 2).Open(nil, payload, []byte("aad")); err != suite.ErrOpen {
		t.Errorf("another key: %v", err)
	}
}

func testLengths(t *testing.T, s *suite.Suite) {
	c, other := newCipher(t, s, 1), newCipher(t, s, 1)
	for _, n := range append([]int{255, 256, 1000, 1 << 20}, upTo(70)...) {
		for _, m := range []int{0, 1, 15, 16, 17, 64, 100} {
			plaintext, aad := bytes.Repeat([]byte("p"), n), bytes.Repeat([]byte("a"), m)
			payload, err := c.Seal(nil, plaintext, aad)
			if err != nil {
				t.Fatal(err)
			}
			if len(payload) != n+s.Overhead {
				t.Fatalf("%d bytes became %d, overhead is %d", n, len(payload), s.Overhead)
			}
			if s.Overhead > suite.MaxOverhead {
				t.Fatalf("overhead %d is past MaxOverhead, %d", s.Overhead, suite.MaxOverhead)
			}
			for _, c := range []suite.Cipher{c, other} {
				if out, err := c.Open(nil, payload, aad); err != nil || !bytes.Equal(out, plaintext) {
					t.Fatalf("%d bytes with %d of context: %v", n, m, err)
				}
			}
		}
	}
}

func upTo(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

// Both methods append: they leave alone what dst holds, and use its capacity.
func testAppend(t *testing.T, s *suite.Suite) {
	c := newCipher(t, s, 1)
	for _, spare := range []int{0, 1, 20, 200} {
		dst := append(make([]byte, 0, 6+spare), "before"...)
		sealed, err := c.Seal(dst, []byte("the value"), nil)
		if err != nil || string(sealed[:6]) != "before" || string(dst) != "before" {
			t.Fatalf("Seal with %d bytes to spare: %q, %v", spare, sealed, err)
		}
		opened, err := c.Open(dst, slices.Clone(sealed[6:]), nil)
		if err != nil || string(opened) != "beforethe value" || string(dst) != "before" {
			t.Fatalf("Open with %d bytes to spare: %q, %v", spare, opened, err)
		}
		if spare == 200 && (&sealed[0] != &dst[0] || &opened[0] != &dst[0]) {
			t.Error("enough spare capacity was not used")
		}
	}
}

// A value that would be overwritten before it is read is never sealed.
func testOverlap(t *testing.T, s *suite.Suite) {
	c := newCipher(t, s, 1)
	buf := make([]byte, 200)
	end := 100 + s.Overhead + 8 // of the payload of 8 bytes behind 100
	for at := range len(buf) - 8 {
		arg := buf[at : at+8]
		free := at+8 <= 100 || at >= end
		if _, err := c.Seal(buf[:100], arg, nil); (err == nil) != free {
			t.Errorf("plaintext at %d: %v", at, err)
		}
		if _, err := c.Seal(buf[:100], []byte("8 bytes."), arg); (err == nil) != free {
			t.Errorf("context at %d: %v", at, err)
		}
	}
	if out, err := c.Seal(buf[:100:100], buf[95:], nil); err != nil || len(out) != 100+s.Overhead+105 {
		t.Errorf("what is copied cannot overlap: %v", err)
	}
}

func testEquality(t *testing.T, s *suite.Suite) {
	c, other := newCipher(t, s, 1), newCipher(t, s, 1)
	first := seal(t, c, "value", "aad")
	for _, again := range [][]byte{seal(t, c, "value", "aad"), seal(t, other, "value", "aad")} {
		if bytes.Equal(first, again) != s.Deterministic {
			t.Errorf("equal values: equal payloads %t, deterministic %t", !s.Deterministic, s.Deterministic)
		}
	}
	for _, differs := range [][]byte{
		seal(t, c, "Value", "aad"), seal(t, c, "value", "Aad"), seal(t, c, "valuea", "ad"), seal(t, c, "valu", "eaad"),
		seal(t, newCipher(t, s, 2), "value", "aad"),
	} {
		if bytes.Equal(first[:16], differs[:16]) && s.Deterministic {
			t.Error("different inputs gave one SIV")
		}
	}
}

// Nothing but the payload as it was sealed opens, and no plaintext stays
// behind.
func testForgery(t *testing.T, s *suite.Suite) {
	const plaintext, aad = "a secret value of more than one block", "the context"
	c := newCipher(t, s, 1)
	payload := seal(t, c, plaintext, aad)
	refuse := func(what string, c suite.Cipher, payload []byte, aad string) {
		t.Helper()
		dst := append(make([]byte, 0, 200), "before"...)
		out, err := c.Open(dst, payload, []byte(aad))
		if err != suite.ErrOpen || out != nil {
			t.Errorf("%s: %q, %v", what, out, err)
		}
		if spare := dst[:200]; string(dst) != "before" || bytes.Contains(spare, []byte("secret")) || bytes.Contains(spare, []byte("block")) {
			t.Errorf("%s: plaintext is left behind", what)
		}
	}
	for i := range payload {
		for bit := range 8 {
			forged := bytes.Clone(payload)
			forged[i] ^= 1 << bit
			refuse(fmt.Sprintf("bit %d of byte %d flipped", bit, i), c, forged, aad)
		}
		refuse(fmt.Sprintf("cut to %d bytes", i), c, payload[:i], aad)
		refuse(fmt.Sprintf("%d bytes cut in front", i+1), c, payload[i+1:], aad)
	}
	refuse("a byte added", c, append(bytes.Clone(payload), 0), aad)
	refuse("nothing", c, nil, aad)
	refuse("another key", newCipher(t, s, 2), payload, aad)
	for _, other := range []string{"", "the contex", "the context ", "The context", aad + aad} {
		refuse("context "+other, c, payload, other)
	}
	if _, err := c.Open(nil, payload, []byte(aad)); err != nil {
		t.Error("the payload itself no longer opens")
	}
}

// Parts of two payloads under one key make no third.
func testSwap(t *testing.T, s *suite.Suite) {
	c := newCipher(t, s, 1)
	a, b := seal(t, c, "value one", "aad"), seal(t, c, "value two", "aad")
	for cut := 1; cut < len(a); cut++ {
		mixed := append(bytes.Clone(a[:cut]), b[cut:]...)
		if bytes.Equal(mixed, a) || bytes.Equal(mixed, b) {
			continue // of one prefix, the cut at its end changes nothing
		}
		if _, err := c.Open(nil, mixed, []byte("aad")); err != suite.ErrOpen {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// Several writers seal under one data key, and every one of them opens it all.
func testConcurrent(t *testing.T, s *suite.Suite) {
	const writers, values = 8, 50
	ciphers := make([]suite.Cipher, writers)
	for i := range ciphers {
		ciphers[i] = newCipher(t, s, 1)
	}
	payloads := make(chan []byte, writers*values)
	var wg sync.WaitGroup
	for i := range 2 * writers {
		wg.Go(func() {
			for n := range values / 2 {
				p, err := ciphers[i%writers].Seal(nil, fmt.Appendf(nil, "value %d of %d", n, i), []byte("aad"))
				if err != nil {
					t.Error(err)
				}
				payloads <- p
			}
		})
		wg.Go(func() {
			for range values / 2 {
				p := <-payloads
				for _, c := range ciphers {
					if out, err := c.Open(nil, p, []byte("aad")); err != nil || !bytes.HasPrefix(out, []byte("value ")) {
						t.Errorf("%q, %v", out, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestTable(t *testing.T) {
	// Permanent: what an envelope or a policy says today it says for ever.
	want := map[suite.ID]string{1: "xaes-256-gcm", 2: "hkdf-aes-256-gcm", 3: "deterministic"}
	for id := range 256 {
		s := suite.ByID(suite.ID(id))
		if name := want[suite.ID(id)]; (s == nil) != (name == "") || s != nil && (s.Name != name || int(s.ID) != id) {
			t.Errorf("suite %d is %v, want %q", id, s, name)
		}
	}
	if suite.ByName("") != nil || suite.ByName("aes") != nil {
		t.Error("ByName finds what is not there")
	}
	for s := range suite.All() {
		if s.Approved != (s.ID == suite.HKDFAES256GCM) {
			t.Errorf("%s: approved %t", s.Name, s.Approved)
		}
	}
}
