package awskms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

const goldenContextHash = "d626988365090b6030d355c40419527619df1cdb8ca2fe391e498a4628a7315d"

// TestRSAContextHash pins what stands in wraps that exist. The value was
// computed with sha256sum.
func TestRSAContextHash(t *testing.T) {
	sum := contextHash(hsmtest.Context(t, "service", "customers"))
	if got := hex.EncodeToString(sum[:]); got != goldenContextHash {
		t.Errorf("hash %s, want %s", got, goldenContextHash)
	}
}

// TestRSAOffline: once open, wrapping needs nobody.
func TestRSAOffline(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"})))
	s.Forget()
	remove := s.Inject(kmsfake.Fault{Code: "AccessDeniedException"})
	secret, wrapped, err := p.GenerateDataKey(t.Context(), hsmtest.Context(t, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Calls()) != 0 || len(wrapped) != 256 {
		t.Errorf("%d calls, %d bytes", len(s.Calls()), len(wrapped))
	}
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsmtest.Context(t, "a", "b")); err == nil || hsm.ClassOf(err) != hsm.Denied {
		t.Errorf("unwrap without permission: %v", err)
	}
	remove()
	again, err := p.UnwrapDataKey(t.Context(), wrapped, hsmtest.Context(t, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	secret.Expose(func(a []byte) {
		again.Expose(func(b []byte) {
			if string(a) != string(b) {
				t.Error("another key came back")
			}
		})
	})
}

// TestRSAForeignPlaintext: anybody can encrypt under a public key, and what does
// not have the layout is not a wrap.
func TestRSAForeignPlaintext(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"})))
	hash := contextHash(hsm.EncryptionContext{})
	unlabelled := sha256.Sum256(nil)
	for name, plaintext := range map[string][]byte{
		"a key alone":          make([]byte, 32),
		"empty":                {},
		"no hash":              make([]byte, 64),
		"hash without a label": append(make([]byte, 32), unlabelled[:]...),
		"a byte more":          append(append(make([]byte, 32), hash[:]...), 0),
		"hash first":           append(hash[:], make([]byte, 32)...),
	} {
		blob, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, p.public, plaintext, nil)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := p.UnwrapDataKey(t.Context(), blob, hsm.EncryptionContext{}); key != nil || err == nil || hsm.ClassOf(err) != hsm.Corrupt {
			t.Errorf("%s: %v, want it corrupt", name, err)
		}
	}
}

// TestRSASizes: each size has its own length of wrap, and no other passes.
func TestRSASizes(t *testing.T) {
	isolate(t)
	s := startFake(t)
	for spec, size := range map[string]int{"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512} {
		p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: spec})))
		_, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		if err != nil || len(wrapped) != size {
			t.Fatalf("%s: %d bytes, %v", spec, len(wrapped), err)
		}
		if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
		s.Forget()
		for _, n := range []int{255, 256, 257, 383, 384, 385, 511, 512, 513} {
			_, err := p.UnwrapDataKey(t.Context(), make([]byte, n), hsm.EncryptionContext{})
			if err == nil || hsm.ClassOf(err) != hsm.Corrupt {
				t.Errorf("%s, %d bytes: %v, want it corrupt", spec, n, err)
			}
		}
		if n := len(s.Calls()); n != 1 {
			t.Errorf("%s: asked KMS about %d lengths, want only its own", spec, n)
		}
	}
}
