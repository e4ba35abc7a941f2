//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// A caller waits for a hung device no longer than it wants to, nobody else
// waits for it, and no session is lost to it.
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
