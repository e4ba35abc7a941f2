//go:build cgo && !windows

package pkcs11

import (
	"context"
	"sync"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// counted fails the test when the token has no session left, which is how the
// shim tells that one leaked: it allows as many as the pools may hold.
func counted(t *testing.T) context.Context {
	return hsm.WithObserver(t.Context(), func(c hsm.Call) {
		if returned(c.Err, p11.CKR_SESSION_COUNT) {
			t.Errorf("a session leaked: %v", c.Err)
		}
	})
}

func TestNoSessionLeaks(t *testing.T) {
	d := newShim(t, "cloudhsm", "sessions 2")
	p := d.kek("kek", "&x-sessions=2")(t)
	w := newWrapped(t, p)
	for i, fault := range []string{
		"fail C_Decrypt 0x30 calls 1", "fail C_DecryptInit 0x30 calls 2", "fail C_FindObjectsInit 0x30 calls 1",
		"fail C_Login 0x30 calls 1", "fail C_EncryptInit 0x70 calls 1", "fail C_GenerateRandom 0x31 calls 1",
		"fail C_Decrypt 0xB3 session", "fail C_Decrypt 0x101 login", "fail C_GetTokenInfo 0x30 calls 1",
	} {
		d.fail(fault)
		_ = w.open(t.Context(), p)
		_, _, _ = p.GenerateDataKey(t.Context(), w.ec)
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		_ = w.open(dead, p)
		d.fail("")
		for range 4 {
			if err := w.open(counted(t), p); err != nil {
				t.Fatalf("after %q (%d): %v", fault, i, err)
			}
		}
	}
}

// Sessions that the device would not close are lost to everyone until all are
// closed.
func TestSessionsThatWillNotClose(t *testing.T) {
	d := newShim(t, "cloudhsm", "sessions 2")
	p := d.kek("kek", "&x-sessions=2")(t).(*provider)
	w := newWrapped(t, p)
	for range 3 {
		d.fail("fail C_CloseSession 0x30 ever")
		for range 2 {
			p.closeSession(t.Context(), <-p.pool.places) // as after any failure
			p.pool.put(nil)
		}
		if err := w.open(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

// A failure can leave an operation begun in its session: that one is not used
// again.
func TestFailedSessionIsNotUsedAgain(t *testing.T) {
	d := newShim(t, "plain")
	p := d.kek("kek", "&x-sessions=1")(t)
	w := newWrapped(t, p)
	d.fail("fail C_Encrypt 0x150 calls 1")
	if _, _, err := p.GenerateDataKey(t.Context(), w.ec); hsm.ClassOf(err) != hsm.Unsupported {
		t.Fatalf("got %v, want CKR_BUFFER_TOO_SMALL", err)
	}
	ctx := hsm.WithObserver(t.Context(), func(c hsm.Call) {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Operation, c.Err)
		}
	})
	if _, _, err := p.GenerateDataKey(ctx, w.ec); err != nil {
		t.Fatal(err)
	}
}

// A token with fewer sessions than x-sessions asks for is used with what it
// has.
func TestFewerSessionsThanAskedFor(t *testing.T) {
	d := newShim(t, "cloudhsm", "sessions 2")
	p := d.kek("kek", "&x-sessions=6")(t)
	w := newWrapped(t, p)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				if err := w.open(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
