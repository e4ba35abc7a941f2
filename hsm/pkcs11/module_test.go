//go:build cgo && !windows

package pkcs11

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// Providers of one module come and go together: the module lives as long as the
// last.
func TestModuleIsShared(t *testing.T) {
	d := newShim(t, "cloudhsm")
	uri := d.uri("kek")
	if _, err := CreateKEK(t.Context(), uri); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "another-name.so")
	if err := os.Symlink(d.module, link); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			uri := uri
			if i%2 == 0 {
				uri = strings.Replace(uri, d.module, link, 1)
			}
			for range 3 {
				p, _, err := Open(t.Context(), uri)
				if err != nil {
					t.Error(err)
					return
				}
				ec := newContext(t, "service", "customers")
				_, blob, err := p.GenerateDataKey(t.Context(), ec)
				if err != nil {
					t.Error(err)
				} else if err := (wrapped{ec, blob}).open(t.Context(), p); err != nil {
					t.Error(err)
				}
				if err := p.(*provider).Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if started, ended := d.calls("C_Initialize"), d.calls("C_Finalize"); started == 0 || started != ended {
		t.Errorf("initialised %d times, finalised %d times", started, ended)
	}
}

func TestModuleIsInitialisedOneWay(t *testing.T) {
	d := newToken(t)
	d.kek("kek")(t)
	refused(t, d.uri("kek", "&x-init-reserved=configdir%3Dx"), hsm.Misconfigured, "x-init-reserved")
}

// Code of another kind may use the same library in this process: its sessions
// and its C_Initialize are not ours to end.
func TestForeignModuleIsLeftAlone(t *testing.T) {
	d := newShim(t, "plain")
	other := p11.New(d.module)
	if err := other.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Finalize() })
	uri := d.uri("kek")
	if _, err := CreateKEK(t.Context(), uri); err != nil {
		t.Fatal(err)
	}
	p, _, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	w := newWrapped(t, p)
	d.fail("fail C_Decrypt 0x30 ever")
	if err := w.open(t.Context(), p); hsm.ClassOf(err) != hsm.Unavailable || err == nil {
		t.Errorf("got %v, want unavailable", err)
	}
	d.fail("")
	if err := w.open(t.Context(), p); err != nil {
		t.Error(err)
	}
	if err := p.(*provider).Close(); err != nil {
		t.Error(err)
	}
	if n := d.calls("C_Finalize") + d.calls("C_CloseAllSessions"); n != 0 {
		t.Errorf("ended what is not ours %d times", n)
	}
	if _, err := other.GetInfo(); err != nil {
		t.Errorf("the other user of the library lost it: %v", err)
	}
}
