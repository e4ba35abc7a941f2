package hsmtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/local"
)

// A flawed provider is a good one with one method spoilt.
type flawed struct {
	*local.Provider
	generate func(context.Context, hsm.EncryptionContext) (*hsm.Secret, []byte, error)
	wrap     func(context.Context, *hsm.Secret, hsm.EncryptionContext) ([]byte, error)
	unwrap   func(context.Context, []byte, hsm.EncryptionContext) (*hsm.Secret, error)
}

func (f flawed) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	if f.generate != nil {
		return f.generate(ctx, ec)
	}
	return f.Provider.GenerateDataKey(ctx, ec)
}

func (f flawed) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	if f.wrap != nil {
		return f.wrap(ctx, key, ec)
	}
	return f.Provider.WrapDataKey(ctx, key, ec)
}

func (f flawed) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if f.unwrap != nil {
		return f.unwrap(ctx, wrapped, ec)
	}
	return f.Provider.UnwrapDataKey(ctx, wrapped, ec)
}

// flaws are mistakes of a back end, by the name of the test that must notice.
func flaws(p *local.Provider) map[string]flawed {
	var fixed []byte
	return map[string]flawed{
		"ContextBound": { // ignores the context throughout
			Provider: p,
			generate: func(ctx context.Context, _ hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
				return p.GenerateDataKey(ctx, hsm.EncryptionContext{})
			},
			wrap: func(ctx context.Context, key *hsm.Secret, _ hsm.EncryptionContext) ([]byte, error) {
				return p.WrapDataKey(ctx, key, hsm.EncryptionContext{})
			},
			unwrap: func(ctx context.Context, wrapped []byte, _ hsm.EncryptionContext) (*hsm.Secret, error) {
				return p.UnwrapDataKey(ctx, wrapped, hsm.EncryptionContext{})
			},
		},
		"KeysDistinct": { // makes one key for ever
			Provider: p,
			generate: func(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
				if fixed == nil {
					fixed = bytes.Repeat([]byte{7}, hsm.DataKeySize)
				}
				wrapped, err := p.WrapDataKey(ctx, hsm.NewSecret(bytes.Clone(fixed)), ec)
				return hsm.NewSecret(bytes.Clone(fixed)), wrapped, err
			},
		},
		"GenerateRoundTrip": { // writes part of the key into the wrap
			Provider: p,
			generate: func(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
				key, wrapped, err := p.GenerateDataKey(ctx, ec)
				if err == nil {
					key.Expose(func(b []byte) { wrapped = append(wrapped, b[:9]...) })
				}
				return key, wrapped, err
			},
			unwrap: func(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
				return p.UnwrapDataKey(ctx, wrapped[:min(len(wrapped), local.WrappedSize)], ec)
			},
		},
		"Tampered": { // says what it could not open
			Provider: p,
			unwrap: func(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
				key, err := p.UnwrapDataKey(ctx, wrapped, ec)
				if e, ok := errors.AsType[*hsm.Error](err); ok {
					e.Err = fmt.Errorf("cannot open %x", wrapped)
				}
				return key, err
			},
		},
		"Truncated": { // takes what follows the wrap for granted
			Provider: p,
			unwrap: func(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
				return p.UnwrapDataKey(ctx, wrapped[:min(len(wrapped), local.WrappedSize)], ec)
			},
		},
		"HostileInput": { // calls everything an outage
			Provider: p,
			unwrap: func(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
				key, err := p.UnwrapDataKey(ctx, wrapped, ec)
				if e, ok := errors.AsType[*hsm.Error](err); ok {
					e.Class = hsm.Unavailable
				}
				return key, err
			},
		},
		"Cancelled": { // does not look at its context
			Provider: p,
			unwrap: func(_ context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
				return p.UnwrapDataKey(context.Background(), wrapped, ec)
			},
		},
		"Observed": { // reports nothing
			Provider: p,
			generate: func(_ context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
				return p.GenerateDataKey(context.Background(), ec)
			},
		},
		"BadDataKey": { // pads
			Provider: p,
			wrap: func(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
				padded := make([]byte, hsm.DataKeySize)
				key.Expose(func(b []byte) { copy(padded, b) })
				return p.WrapDataKey(ctx, hsm.NewSecret(padded), ec)
			},
		},
		"WrapDoesNotRetain": { // destroys what it was lent
			Provider: p,
			wrap: func(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
				defer key.Destroy()
				return p.WrapDataKey(ctx, key, ec)
			},
		},
	}
}

const flawVariable = "SEALMESH_HSMTEST_FLAW"

// TestSuiteNotices runs the suite on each flawed provider in another process,
// and checks that the test fails which the flaw is named after.
func TestSuiteNotices(t *testing.T) {
	p := newLocal(t)
	if flaw := os.Getenv(flawVariable); flaw != "" {
		hsmtest.Run(t, hsmtest.Harness{Open: func(testing.TB) hsm.Provider { return flaws(p)[flaw] }})
		return
	}
	for flaw := range flaws(p) {
		t.Run(flaw, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteNotices$/^"+flaw+"$", "-test.v")
			cmd.Env = append(os.Environ(), flawVariable+"="+flaw)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestSuiteNotices/"+flaw) {
				t.Errorf("the suite did not notice (%v):\n%s", err, out)
			}
		})
	}
}

// TestSuiteAccepts runs the suite on the provider without a flaw.
func TestSuiteAccepts(t *testing.T) {
	p := newLocal(t)
	hsmtest.Run(t, hsmtest.Harness{
		Open:  func(testing.TB) hsm.Provider { return flawed{Provider: p} },
		Other: func(t testing.TB) hsm.Provider { return newLocal(t) },
	})
}

// TestExampleConforms holds the example, which newcomers copy, to the contract.
func TestExampleConforms(t *testing.T) { testConformance(t) }

func newLocal(t testing.TB) *local.Provider {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := local.Create(path); err != nil {
		t.Fatal(err)
	}
	p, err := local.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
