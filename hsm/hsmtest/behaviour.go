package hsmtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

func (s suite) badDataKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		_, err := s.wrap.WrapDataKey(t.Context(), hsm.NewSecret(make([]byte, n)), boundContext(t))
		checkError(t, "WrapDataKey of a key of another size", err, hsm.Unsupported)
	}
	destroyed := hsm.NewSecret(make([]byte, hsm.DataKeySize))
	destroyed.Destroy()
	_, err := s.wrap.WrapDataKey(t.Context(), destroyed, boundContext(t))
	checkError(t, "WrapDataKey of a destroyed key", err, hsm.Unsupported)
}

// promptly is generous: it separates giving up from waiting for a time-out.
const promptly = 2 * time.Second

func (s suite) cancelled(t *testing.T) {
	ec := boundContext(t)
	key, wrapped := s.generate(t, ec)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancelExpired := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelExpired()
	for name, dead := range map[string]context.Context{"cancelled": ctx, "past its deadline": expired} {
		calls := map[string]func() error{
			"GenerateDataKey": func() error { _, _, err := s.wrap.GenerateDataKey(dead, ec); return err },
			"WrapDataKey": func() error {
				_, err := s.wrap.WrapDataKey(dead, hsm.NewSecret(bytes.Clone(key)), ec)
				return err
			},
			"UnwrapDataKey": func() error { _, err := s.unwrap.UnwrapDataKey(dead, wrapped, ec); return err },
		}
		for call, run := range calls {
			start := time.Now()
			err := run()
			if took := time.Since(start); took > promptly {
				t.Errorf("%s, context %s: took %v", call, name, took)
			}
			checkError(t, call+", context "+name, err, hsm.Unavailable)
			if !errors.Is(err, dead.Err()) {
				t.Errorf("%s, context %s: %v does not wrap %v", call, name, err, dead.Err())
			}
		}
	}
	s.mustUnwrap(t, wrapped, ec, key) // the handle survives
}

func (s suite) concurrent(t *testing.T) {
	const workers, rounds = 8, 6
	ec := boundContext(t)
	shared, sharedWrap := s.generate(t, ec)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				secret, wrapped, err := s.wrap.GenerateDataKey(t.Context(), ec)
				if err != nil {
					t.Errorf("GenerateDataKey: %v", err)
					return
				}
				s.concurrentUnwrap(t, wrapped, ec, exposed(secret))
				s.concurrentUnwrap(t, sharedWrap, ec, shared)
				if rewrapped, err := s.wrap.WrapDataKey(t.Context(), secret, ec); err != nil {
					t.Errorf("WrapDataKey: %v", err)
				} else {
					s.concurrentUnwrap(t, rewrapped, ec, exposed(secret))
				}
				if _, err := s.unwrap.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); hsm.ClassOf(err) != hsm.Corrupt || err == nil {
					t.Errorf("UnwrapDataKey, wrong context, among others: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// concurrentUnwrap is mustUnwrap for goroutines, which must not call t.Fatal.
func (s suite) concurrentUnwrap(t *testing.T, wrapped []byte, ec hsm.EncryptionContext, want []byte) {
	secret, err := s.unwrap.UnwrapDataKey(t.Context(), wrapped, ec)
	if err != nil {
		t.Errorf("UnwrapDataKey: %v", err)
		return
	}
	if !bytes.Equal(exposed(secret), want) {
		t.Error("UnwrapDataKey gave somebody else's key")
	}
}

func (s suite) observed(t *testing.T) {
	var mu sync.Mutex
	var calls []hsm.Call
	ctx := hsm.WithObserver(t.Context(), func(c hsm.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
	})
	ec := boundContext(t)
	took := func() []hsm.Call {
		mu.Lock()
		defer mu.Unlock()
		got := calls
		calls = nil
		return got
	}
	_, wrapped, err := s.wrap.GenerateDataKey(ctx, ec)
	checkCalls(t, "GenerateDataKey", took(), err)
	_, err = s.unwrap.UnwrapDataKey(ctx, wrapped, ec)
	checkCalls(t, "UnwrapDataKey", took(), err)
	_, err = s.unwrap.UnwrapDataKey(ctx, wrapped, Context(t, "another", "context"))
	if calls := took(); s.ContextInside {
		// The back end opened the wrap; the provider found the wrong context.
		checkCalls(t, "UnwrapDataKey, wrong context", calls, nil)
	} else {
		checkCalls(t, "UnwrapDataKey, wrong context", calls, err)
	}
}

// checkCalls checks that there is a call, that every call is complete, and that
// the last one ended as the operation did.
func checkCalls(t *testing.T, what string, calls []hsm.Call, err error) {
	t.Helper()
	if len(calls) == 0 {
		t.Fatalf("%s: no call was observed", what)
	}
	for _, c := range calls {
		if c.Provider == "" || c.Operation == "" || c.KeyID == "" || c.Start.IsZero() || c.End.Before(c.Start) {
			t.Errorf("%s: incomplete call %+v", what, c)
		}
	}
	if last := calls[len(calls)-1]; (last.Err == nil) != (err == nil) {
		t.Errorf("%s: operation ended with %v, its last call with %v", what, err, last.Err)
	}
}

func (s suite) sealOnly(t *testing.T) {
	if s.Unwrapper == nil {
		t.Skip("the handle may unwrap")
	}
	_, wrapped := s.generate(t, boundContext(t))
	secret, err := s.wrap.UnwrapDataKey(t.Context(), wrapped, boundContext(t))
	if secret != nil || err == nil {
		t.Fatal("a seal-only handle unwrapped a data key")
	}
	if c := hsm.ClassOf(err); c != hsm.Denied && c != hsm.Unsupported {
		t.Fatalf("UnwrapDataKey by a seal-only handle: class %v, want denied or unsupported: %v", c, err)
	}
}

func (s suite) described(t *testing.T) {
	d, ok := s.wrap.(hsm.Describer)
	if !ok {
		t.Skip("not a Describer")
	}
	got, err := d.Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	if got.Kind == "" || got.KeyID == "" || got.Spec == "" || got.State == "" {
		t.Errorf("Describe leaves out what every back end knows: %+v", got)
	}
}

func (s suite) closed(t *testing.T) {
	c, ok := s.wrap.(io.Closer)
	if !ok {
		t.Skip("holds nothing open")
	}
	for range 3 {
		if err := c.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if _, _, err := s.wrap.GenerateDataKey(t.Context(), boundContext(t)); err == nil {
		t.Error("GenerateDataKey after Close succeeded")
	}
}
