package hsmtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// WantError checks that err is an [hsm.Error] of class, and that its message
// contains each of texts.
func WantError(t *testing.T, err error, class hsm.Class, texts ...string) *hsm.Error {
	t.Helper()
	e, ok := errors.AsType[*hsm.Error](err)
	if !ok || e.Class != class {
		t.Fatalf("got %v, want an error of class %v", err, class)
	}
	for _, text := range texts {
		if !strings.Contains(e.Error(), text) {
			t.Errorf("%q does not say %q", e, text)
		}
	}
	return e
}

// Wrap makes a data key with p and returns its wrap, for [Unwrap].
func Wrap(t *testing.T, p hsm.Provider) []byte {
	t.Helper()
	key, wrapped, err := p.GenerateDataKey(t.Context(), Context(t, "service", "customers"))
	if err != nil {
		t.Fatal(err)
	}
	key.Destroy()
	return wrapped
}

// Unwrap opens with p what [Wrap] returned.
func Unwrap(t *testing.T, p hsm.Provider, wrapped []byte) error {
	t.Helper()
	key, err := p.UnwrapDataKey(t.Context(), wrapped, Context(t, "service", "customers"))
	if err == nil {
		key.Destroy()
	}
	return err
}
