package awskms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestRSAContextHash pins what stands in wraps that exist. The value was
// computed with sha256sum.
func TestRSAContextHash(t *testing.T) {
	hash, err := hex.DecodeString("d626988365090b6030d355c40419527619df1cdb8ca2fe391e498a4628a7315d")
	if err != nil {
		t.Fatal(err)
	}
	if !rsaLabel.Bound(append(make([]byte, hsm.DataKeySize), hash...), hsmtest.Context(t, "service", "customers")) {
		t.Error("the hash in wraps that exist does not bind their context")
	}
}

// TestRSAOffline: once open, wrapping needs nobody, and takes half of the
// caller's time to find out.
func TestRSAOffline(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"})))
	ec := hsmtest.Context(t, "a", "b")
	for name, fault := range map[string]kmsfake.Fault{
		"failing":   {Code: "KMSInternalException"},
		"throttled": {Code: "ThrottlingException"},
		"hanging":   {Hang: true},
	} {
		remove := s.Inject(fault)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		secret, wrapped, err := p.GenerateDataKey(ctx, ec)
		if err != nil || len(wrapped) != 256 {
			t.Errorf("%s: %d bytes, %v", name, len(wrapped), err)
			cancel()
			continue
		}
		if _, err := p.WrapDataKey(ctx, secret, ec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		remove()
		again, err := p.UnwrapDataKey(t.Context(), wrapped, ec)
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
}

// TestRSANoticesTheEnd: what only seals stops when the key is disabled, or is
// about to be deleted, though KMS is not needed to wrap.
func TestRSANoticesTheEnd(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{Spec: "RSA_2048"})
	p := mustOpen(t, uri(s, arn))
	ec := hsmtest.Context(t, "a", "b")
	secret, _, err := p.GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(name string, want hsm.Class) {
		t.Helper()
		if key, wrapped, err := p.GenerateDataKey(t.Context(), ec); key != nil || wrapped != nil || err == nil || hsm.ClassOf(err) != want {
			t.Errorf("%s: generated, %v", name, err)
		}
		if wrapped, err := p.WrapDataKey(t.Context(), secret, ec); wrapped != nil || err == nil || hsm.ClassOf(err) != want {
			t.Errorf("%s: wrapped, %v", name, err)
		}
	}
	for _, state := range []string{kmsfake.Disabled, kmsfake.PendingDeletion} {
		s.SetState(arn, state)
		refuses(state, hsm.Denied)
	}
	s.SetState(arn, kmsfake.Enabled)
	remove := s.Inject(kmsfake.Fault{Code: "AccessDeniedException"})
	refuses("not permitted", hsm.Denied)
	remove()
	remove = s.Inject(kmsfake.Fault{Code: "NotFoundException"})
	refuses("deleted", hsm.Denied)
	remove()
	s.Forget()
	if _, _, err := p.GenerateDataKey(t.Context(), ec); err != nil {
		t.Error(err)
	}
	if n := len(s.Calls()); n != 1 || count(s.Calls(), "DescribeKey", "") != 1 {
		t.Errorf("%d calls for a data key, want one DescribeKey", n)
	}
}

// TestRSAForeignPlaintext: anybody can encrypt under a public key, and what
// does not have the layout is not a wrap.
func TestRSAForeignPlaintext(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"})))
	hash := sha256.Sum256([]byte(rsaLabel))
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
