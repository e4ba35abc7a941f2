//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

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

// A device that stays dead is an outage, said in its own words, until it comes
// back.
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

// SoftHSM answers a wrong tag as it answers a sick device. Bad data must
// neither reset anything nor be taken for an outage.
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

// A call that hangs keeps a reset from coming, and the reset delays the other
// calls by its patience, once.
func TestResetGivesUpOnAHungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &module{gate: semaphore.NewWeighted(whole)}
		if !m.gate.TryAcquire(1) {
			t.Fatal("the gate is closed")
		}
		start := time.Now()
		var other time.Duration
		go func() {
			time.Sleep(time.Nanosecond) // once the reset waits
			if err := m.gate.Acquire(t.Context(), 1); err == nil {
				m.gate.Release(1)
			}
			other = time.Since(start)
		}()
		ran := 0
		disturb := func() error {
			return m.disturb(t.Context(), 0, "C_Finalize", func() error { ran++; return nil })
		}
		if err := disturb(); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != resetPatience {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		synctest.Wait()
		if other > resetPatience || other == 0 {
			t.Errorf("another call was held up for %v", other)
		}
		if err := disturb(); err != errNotNow || time.Since(start) != resetPatience {
			t.Errorf("a second reset waited for the hung call too: %v", err)
		}
		m.gate.Release(1)
		time.Sleep(resetMin)
		if err := disturb(); err != nil || ran != 1 {
			t.Errorf("after the call returned: %v, ran %d times", err, ran)
		}
	})
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
			time.Sleep(time.Nanosecond)
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
