package hsm_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// TestSecretNeverPrints tries every ordinary way for bytes to end in a log.
func TestSecretNeverPrints(t *testing.T) {
	canary := []byte("canary-canary-canary-canary-3210")
	s := hsm.NewSecret(append([]byte(nil), canary...))
	holder := struct {
		Key  *hsm.Secret
		keys []*hsm.Secret
	}{s, []*hsm.Secret{s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%t", "%b"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", map[string]any{"k": s})
	}
	for _, v := range []any{s, holder} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", s, "h", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "k", s, "h", holder)
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %v", s))

	if !strings.Contains(out.String(), "[REDACTED]") {
		t.Error("no redaction was printed at all")
	}
	for _, dress := range []string{string(canary[:8]), hex.EncodeToString(canary[:8]), strings.ToUpper(hex.EncodeToString(canary[:8])), fmt.Sprint(canary[:8])[1:24], "Y2FuYXJ5"} {
		if strings.Contains(out.String(), dress) {
			t.Errorf("a secret was printed as %q", dress)
		}
	}
}

func TestSecretDestroy(t *testing.T) {
	b := []byte{1, 2, 3}
	s := hsm.NewSecret(b)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s.Expose(func(b []byte) {
				if len(b) != 0 && (b[0] != 1 || b[1] != 2 || b[2] != 3) {
					t.Error("Expose saw a key half destroyed")
				}
			})
		})
		wg.Go(s.Destroy)
	}
	wg.Wait()
	if b[0]|b[1]|b[2] != 0 {
		t.Error("Destroy left bytes behind")
	}
	s.Expose(func(b []byte) {
		if len(b) != 0 {
			t.Error("Expose after Destroy sees bytes")
		}
	})
}

func TestEncryptionContextLimits(t *testing.T) {
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("n%03d", i)] = "v"
		}
		return m
	}
	tests := []struct {
		name  string
		pairs map[string]string
		ok    bool
	}{
		{"none", nil, true},
		{"pairs at the limit", many(hsm.MaxContextPairs), true},
		{"one pair more", many(hsm.MaxContextPairs + 1), false},
		{"bytes at the limit", map[string]string{"n": strings.Repeat("v", hsm.MaxContextBytes-5)}, true},
		{"one byte more", map[string]string{"n": strings.Repeat("v", hsm.MaxContextBytes-4)}, false},
		{"longer than a length field", map[string]string{"n": strings.Repeat("v", 1<<16+1)}, false},
		{"empty name", map[string]string{"": "v"}, false},
		{"empty value", map[string]string{"n": ""}, false},
		{"bad UTF-8", map[string]string{"n": "\xff"}, false},
	}
	for _, tt := range tests {
		if _, err := hsm.NewEncryptionContext(tt.pairs); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestEncryptionContextEncoding(t *testing.T) {
	pairs := map[string]string{"b": "2", "a": "one"}
	ec, err := hsm.NewEncryptionContext(pairs)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(ec.Encoded()), "0001"+"61"+"0003"+"6f6e65"+"0001"+"62"+"0001"+"32"; got != want {
		t.Errorf("encoded as %s, want %s: wraps that exist depend on it", got, want)
	}
	pairs["a"] = "changed"
	m := ec.Map()
	m["b"] = "changed"
	ec.Encoded()[0] = 9
	if again := ec.Map(); again["a"] != "one" || again["b"] != "2" || ec.Encoded()[0] != 0 {
		t.Error("a caller can change an EncryptionContext")
	}
}

func TestClassOf(t *testing.T) {
	for c := hsm.Unavailable; c <= hsm.Unclear; c++ {
		err := fmt.Errorf("outer: %w", &hsm.Error{Class: c, Provider: "p", Operation: "o"})
		if got := hsm.ClassOf(err); got != c {
			t.Errorf("ClassOf(%v) = %v", c, got)
		}
		if c.String() == "unknown" || c.String() == "" {
			t.Errorf("class %d has no name", c)
		}
	}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF} {
		if got := hsm.ClassOf(err); got != hsm.Unavailable {
			t.Errorf("ClassOf(%v) = %v, want unavailable", err, got)
		}
	}
	if hsm.Class(0).String() != "unknown" || hsm.Class(99).String() != "unknown" {
		t.Error("a class that is none has a name")
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("it is disabled")
	err := &hsm.Error{Class: hsm.Denied, Provider: "awskms", Operation: "Decrypt", Code: "DisabledException", KeyID: "arn", Hint: "enable it", Err: cause}
	if got, want := err.Error(), "awskms Decrypt: denied: DisabledException: key arn: it is disabled (enable it)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

type closer struct {
	hsm.Provider
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func TestKeyring(t *testing.T) {
	kek := func(identity string, p hsm.Provider) hsm.KEK {
		return hsm.KEK{URI: "local:" + identity, Kind: "local", Identity: identity, Provider: p}
	}
	c := &closer{}
	one := &hsm.Key{Name: "one", KEKs: []hsm.KEK{kek("a", c), kek("b", nil)}, Quorum: 1}
	ring, err := hsm.NewKeyring(one)
	if err != nil {
		t.Fatal(err)
	}
	if ring.Key("one") != one || ring.Key("two") != nil || len(ring.Keys()) != 1 {
		t.Error("the keyring holds something else than it was given")
	}
	if err := ring.Close(); err != nil || c.closed != 1 {
		t.Errorf("Close: %v, closed %d times", err, c.closed)
	}
	bad := map[string][]*hsm.Key{
		"no name":       {{KEKs: one.KEKs, Quorum: 1}},
		"name twice":    {one, one},
		"no KEK":        {{Name: "x", Quorum: 1}},
		"quorum 0":      {{Name: "x", KEKs: one.KEKs}},
		"quorum 3 of 2": {{Name: "x", KEKs: one.KEKs, Quorum: 3}},
		"one KEK twice": {{Name: "x", KEKs: []hsm.KEK{kek("a", nil), kek("a", nil)}, Quorum: 1}},
	}
	for name, keys := range bad {
		if _, err := hsm.NewKeyring(keys...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// goldenRef was computed with sha256sum.
const goldenRef = "4294a5bf"

func TestRef(t *testing.T) {
	ref := hsm.KEK{Kind: "local", Identity: "a28e0d2169fc6a71e5826bca9d7602a2"}.Ref()
	if got := hex.EncodeToString(ref[:]); got != goldenRef {
		t.Errorf("ref %s, want %s: records that exist depend on it", got, goldenRef)
	}
}
