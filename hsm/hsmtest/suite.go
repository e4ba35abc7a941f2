package hsmtest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// A suite holds the handles of one test: wrap is under test, and unwrap opens
// what wrap wrapped. They are the same unless the harness is seal-only.
type suite struct {
	Harness
	wrap, unwrap hsm.Provider
}

func newSuite(t *testing.T, h Harness) suite {
	s := suite{Harness: h, wrap: open(t, h.Open)}
	s.unwrap = s.wrap
	if h.Unwrapper != nil {
		s.unwrap = open(t, h.Unwrapper)
	}
	return s
}

func open(t *testing.T, f func(testing.TB) hsm.Provider) hsm.Provider {
	t.Helper()
	p := f(t)
	if c, ok := p.(io.Closer); ok {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	return p
}

func (s suite) generate(t *testing.T, ec hsm.EncryptionContext) (key, wrapped []byte) {
	t.Helper()
	secret, wrapped, err := s.wrap.GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatalf("GenerateDataKey: %v", err)
	}
	key = exposed(secret)
	checkWrapped(t, key, wrapped)
	return key, wrapped
}

func (s suite) mustUnwrap(t *testing.T, wrapped []byte, ec hsm.EncryptionContext, want []byte) {
	t.Helper()
	secret, err := s.unwrap.UnwrapDataKey(t.Context(), wrapped, ec)
	if err != nil {
		t.Fatalf("UnwrapDataKey: %v", err)
	}
	if !bytes.Equal(exposed(secret), want) {
		t.Fatal("UnwrapDataKey gave another key than was wrapped")
	}
}

// mustBeCorrupt checks that a bad wrap gives no key and an error of class
// Corrupt, which shows neither key nor wrap.
func (s suite) mustBeCorrupt(t *testing.T, what string, wrapped []byte, ec hsm.EncryptionContext) {
	t.Helper()
	secret, err := s.unwrap.UnwrapDataKey(t.Context(), wrapped, ec)
	if secret != nil {
		t.Fatalf("%s: UnwrapDataKey returned a key", what)
	}
	checkError(t, what, err, hsm.Corrupt)
	checkSilent(t, what, err, wrapped)
}

func checkWrapped(t *testing.T, key, wrapped []byte) {
	t.Helper()
	if len(key) != hsm.DataKeySize {
		t.Fatalf("data key is %d bytes, want %d", len(key), hsm.DataKeySize)
	}
	if len(wrapped) <= hsm.DataKeySize || len(wrapped) > hsm.MaxWrappedSize {
		t.Fatalf("wrapped key is %d bytes", len(wrapped))
	}
	// Half the key in clear would be as much of a failure as all of it.
	for i := 0; i+8 <= len(key); i++ {
		if bytes.Contains(wrapped, key[i:i+8]) {
			t.Fatal("wrapped key contains bytes of the key")
		}
	}
}

func checkError(t *testing.T, what string, err error, want hsm.Class) {
	t.Helper()
	e, ok := errors.AsType[*hsm.Error](err)
	if !ok {
		t.Fatalf("%s: got %v, want an *hsm.Error of class %v", what, err, want)
	}
	if e.Class != want {
		t.Fatalf("%s: class %v, want %v: %v", what, e.Class, want, err)
	}
	if e.Provider == "" || e.Operation == "" {
		t.Errorf("%s: error does not name its provider and operation: %#v", what, e)
	}
}

// checkSilent checks that err shows no eight bytes of secret in any usual
// encoding. The KEK's name does not count: some back ends write it into their
// wraps.
func checkSilent(t *testing.T, what string, err error, secret []byte) {
	t.Helper()
	text := err.Error()
	if e, ok := errors.AsType[*hsm.Error](err); ok && e.KeyID != "" {
		text = strings.ReplaceAll(text, e.KeyID, "")
	}
	for i := 0; i+8 <= len(secret); i++ {
		for _, shown := range encodings(secret[i : i+8]) {
			if strings.Contains(text, shown) {
				t.Fatalf("%s: the error contains key material or wrapped bytes", what)
			}
		}
	}
}

func exposed(s *hsm.Secret) (key []byte) {
	s.Expose(func(b []byte) { key = bytes.Clone(b) })
	return key
}
