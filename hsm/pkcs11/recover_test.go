//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// wrapped is a data key made before the trouble began.
type wrapped struct {
	ec   hsm.EncryptionContext
	blob []byte
}

func newWrapped(t testing.TB, p hsm.Provider) wrapped {
	t.Helper()
	ec := newContext(t, "service", "customers")
	_, blob, err := p.GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped{ec, blob}
}

func (w wrapped) open(ctx context.Context, p hsm.Provider) error {
	_, err := p.UnwrapDataKey(ctx, w.blob, w.ec)
	return err
}

// counted fails the test when the token has no session left, which is how the shim
// tells that one leaked: it allows as many as the pools may hold.
func counted(t *testing.T) context.Context {
	return hsm.WithObserver(t.Context(), func(c hsm.Call) {
		if returned(c.Err, p11.CKR_SESSION_COUNT) {
			t.Errorf("a session leaked: %v", c.Err)
		}
	})
}

// Each fault is of a kind that ends with one level of recovery and none before.
func TestEveryLevelHeals(t *testing.T) {
	for _, tt := range []struct {
		name, fault string
		need        string // the call that this level makes and those before do not
	}{
		{"one device error", "fail C_Decrypt 0x30 calls 1", "C_OpenSession"},
		{"general error", "fail C_Decrypt 0x5 calls 2", "C_OpenSession"},
		{"stale sessions", "fail C_DecryptInit 0xB3 session", "C_OpenSession"},
		{"lost login", "fail C_Decrypt 0x101 login", "C_CloseAllSessions"},
		{"removed device", "fail C_Decrypt 0x32 login", "C_CloseAllSessions"},
		{"token gone and back", "fail C_GetTokenInfo 0xE0 calls 1", ""},
		{"dead library", "fail * 0x190 init", "C_Finalize"},
		{"device error until initialised", "fail * 0x30 init", "C_Finalize"},
		{"unknown vendor code", "fail C_Decrypt 0x80001234 init", "C_Finalize"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newShim(t, "plain")
			make := d.kek("kek", "&x-sessions=3")
			p, neighbour := make(t), make(t)
			w := newWrapped(t, p)
			before := d.calls(tt.need)
			d.fail(tt.fault)
			if err := w.open(t.Context(), p); err != nil {
				t.Fatalf("not healed: %v", err)
			}
			if tt.need != "" && d.calls(tt.need) == before {
				t.Errorf("healed without %s: the fault did not take", tt.need)
			}
			if err := w.open(t.Context(), neighbour); err != nil {
				t.Errorf("a second provider of the module did not follow: %v", err)
			}
		})
	}
}

func TestStormHeals(t *testing.T) {
	for _, fault := range []string{
		"fail C_Decrypt 0x30 calls 12", "fail C_FindObjectsInit 0x30 calls 6", "fail C_Decrypt 0x30 session", "fail C_Decrypt 0x101 login", "fail * 0x190 init",
	} {
		t.Run(fault, func(t *testing.T) {
			d := newShim(t, "cloudhsm", "sessions 4")
			p := d.kek("kek")(t)
			w := newWrapped(t, p)
			d.fail(fault)
			// Not every caller of a storm must get through, but the provider must
			// come out of it, with all of its four sessions and no more.
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					if err := w.open(t.Context(), p); err != nil && hsm.ClassOf(err) != hsm.Unavailable {
						t.Errorf("in the storm: %v", err)
					}
				})
			}
			wg.Wait()
			for i := range 8 {
				if err := w.open(counted(t), p); err != nil {
					t.Fatalf("call %d after the storm: %v", i, err)
				}
			}
		})
	}
}

// A device that stays dead is an outage, said in its own words, until it comes back.
func TestDeadDeviceIsUnavailable(t *testing.T) {
	for _, code := range []string{"0x5", "0x30", "0x190"} {
		t.Run(code, func(t *testing.T) {
			d := newShim(t, "plain")
			p := d.kek("kek")(t)
			w := newWrapped(t, p)
			resets := d.calls("C_Finalize")
			d.fail("fail C_Decrypt " + code + " ever")
			for range 3 {
				err := w.open(t.Context(), p)
				if hsm.ClassOf(err) != hsm.Unavailable || err == nil {
					t.Fatalf("got %v, want an unavailable device", err)
				}
				if e, _ := errors.AsType[*hsm.Error](err); e == nil || e.Code == "" || e.Hint == "" || e.Operation != "C_Decrypt" {
					t.Fatalf("error does not say what happened: %#v", e)
				}
			}
			if d.calls("C_Finalize") == resets {
				t.Error("the module was not initialised again: not every level was tried")
			}
			d.fail("")
			if err := w.open(t.Context(), p); err != nil {
				t.Fatalf("after the device came back: %v", err)
			}
		})
	}
}

// SoftHSM answers a wrong tag as it answers a sick device. Bad data must neither
// reset anything nor be taken for an outage.
func TestTamperingIsCorruptAndCheap(t *testing.T) {
	d := newShim(t, "plain")
	p := d.kek("kek")(t)
	w := newWrapped(t, p)
	w.blob[len(w.blob)-1] ^= 1
	for range 2 * DefaultSessions { // every place of the pool has its session
		if err := w.open(t.Context(), p); hsm.ClassOf(err) != hsm.Corrupt || err == nil {
			t.Fatalf("got %v, want corrupt", err)
		}
	}
	opened, decrypted := d.calls("C_OpenSession"), d.calls("C_Decrypt")
	for range 10 {
		if err := w.open(t.Context(), p); hsm.ClassOf(err) != hsm.Corrupt || err == nil {
			t.Fatalf("got %v, want corrupt", err)
		}
	}
	if n := d.calls("C_OpenSession") - opened; n != 0 {
		t.Errorf("ten tampered wraps opened %d sessions", n)
	}
	if n := d.calls("C_Decrypt") - decrypted; n != 30 {
		t.Errorf("ten tampered wraps took %d decryptions, want 30: the data, the probe, the data", n)
	}
}

// A caller waits for a hung device no longer than it wants to, nobody else waits
// for it, and no session is lost to it.
func TestHungDevice(t *testing.T) {
	for _, function := range []string{"C_Decrypt", "C_DecryptInit"} {
		t.Run(function, func(t *testing.T) {
			d := newShim(t, "cloudhsm", "sessions 4")
			make := d.kek("kek", "&x-sessions=2")
			p, neighbour := make(t), make(t)
			w := newWrapped(t, p)
			d.fail("hang " + function)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
					defer cancel()
					err := w.open(ctx, p)
					if !errors.Is(err, context.DeadlineExceeded) || hsm.ClassOf(err) != hsm.Unavailable {
						t.Errorf("got %v, want the caller's own deadline", err)
					}
				})
			}
			wg.Wait()
			// The neighbour's sessions are its own, and encryption does not hang.
			if _, _, err := neighbour.GenerateDataKey(t.Context(), w.ec); err != nil {
				t.Errorf("another KEK of the module: %v", err)
			}
			d.fail("")
			for i := range 8 {
				if err := w.open(counted(t), p); err != nil {
					t.Fatalf("call %d after the device came back: %v", i, err)
				}
			}
		})
	}
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

// Sessions that the device would not close are lost to everyone until all are closed.
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

// A failure can leave an operation begun in its session: that one is not used again.
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

// A token with fewer sessions than x-sessions asks for is used with what it has.
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

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w window
		if !w.open() {
			t.Fatal("closed from the start")
		}
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			w.shut()
			time.Sleep(wait*time.Second - 1)
			if w.open() {
				t.Fatalf("open before %d s", wait)
			}
			time.Sleep(1)
			if !w.open() {
				t.Fatalf("closed after %d s", wait)
			}
		}
		time.Sleep(resetMax + 1)
		w.shut()
		time.Sleep(resetMin)
		if !w.open() {
			t.Fatal("an old trouble is held against a healthy device")
		}
	})
}

func TestCloseLeavesAHungCallBehind(t *testing.T) {
	d := newShim(t, "plain")
	uri := d.uri("kek", "&x-sessions=1")
	if _, err := CreateKEK(t.Context(), uri); err != nil {
		t.Fatal(err)
	}
	p, _, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	w := newWrapped(t, p)
	d.fail("hang C_Decrypt")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.open(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := p.(*provider).Close(); err == nil {
		t.Error("Close does not say that it left a call behind")
	}
	d.fail("")
	if s := <-p.(*provider).pool.places; s != nil {
		t.Error("the call left behind gave its session back to a closed provider")
	}
	again := open(t, uri)
	if err := w.open(t.Context(), again); err != nil {
		t.Error(fmt.Errorf("opened again: %w", err))
	}
}
