package suite

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"flag"
	"io"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var long = flag.Bool("long", false, "run the million accumulated vectors of XAES-256-GCM too")

func newPrefixed(t testing.TB, id ID, key []byte) *prefixed {
	t.Helper()
	c, err := ByID(id).New(key)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*prefixed)
}

// gcmSeal is AES-256-GCM with a nonce of the caller's, which fips140=only
// forbids outside a test.
func gcmSeal(t testing.TB, key, nonce, plaintext, aad []byte) (sealed []byte) {
	t.Helper()
	fips140.WithoutEnforcement(func() {
		c, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(c)
		if err != nil {
			t.Fatal(err)
		}
		sealed = gcm.Seal(nil, nonce, plaintext, aad)
	})
	return sealed
}

// The vectors of c2sp.org/XAES-256-GCM, with what lies between.
func TestXAESVectors(t *testing.T) {
	for _, v := range []struct {
		key                 byte
		k1, kx, aad, sealed string
	}{
		{1, "e531954aca063d5b8d9c47a47d4cc6f0", "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "23810ec50edb99f374409466ed1f4b7b", "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		key, nonce := bytes.Repeat([]byte{v.key}, KeySize), []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if k1 := cmacSubkey(block); hex.EncodeToString(k1[:]) != v.k1 {
			t.Errorf("K1 = %x", k1)
		}
		c := newPrefixed(t, XAES256GCM, key)
		p := prefix(nonce)
		kx, err := c.derive(&p)
		if err != nil || hex.EncodeToString(kx) != v.kx {
			t.Errorf("Kx = %x, %v", kx, err)
		}
		sealed, err := hex.DecodeString(v.sealed)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := c.Open(nil, append(nonce, sealed...), []byte(v.aad)); err != nil || string(out) != "XAES-256-GCM" {
			t.Errorf("opened %q, %v", out, err)
		}
	}
}

// The accumulated vectors: every input from SHAKE-128, every output into
// another.
func TestXAESAccumulated(t *testing.T) {
	n, want := 10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
	if *long {
		n, want = 1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"
	}
	in, sum := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	read := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(in, b)
		return b
	}
	for range n {
		key, nonce := read(KeySize), read(24)
		plaintext := read(int(read(1)[0]))
		aad := read(int(read(1)[0]))
		c := newPrefixed(t, XAES256GCM, key)
		p := prefix(nonce)
		kx, err := c.derive(&p)
		if err != nil {
			t.Fatal(err)
		}
		sealed := gcmSeal(t, kx, nonce[prefixSize:], plaintext, aad)
		sum.Write(sealed)
		if out, err := c.Open(nil, append(nonce, sealed...), aad); err != nil || !bytes.Equal(out, plaintext) {
			t.Fatalf("does not open: %v", err)
		}
	}
	got := make([]byte, 32)
	io.ReadFull(sum, got)
	if hex.EncodeToString(got) != want {
		t.Errorf("got %x", got)
	}
}

// Suite 1 is XAES-256-GCM as Tink reads and writes it.
func TestXAESWithTink(t *testing.T) {
	key := bytes.Repeat([]byte{9}, KeySize)
	c := newPrefixed(t, XAES256GCM, key)
	fips140.WithoutEnforcement(func() {
		other := tinkXAES(t, key)
		for n := range 100 {
			plaintext, aad := bytes.Repeat([]byte("p"), n), bytes.Repeat([]byte("a"), 100-n)
			ours, err := c.Seal(nil, plaintext, aad)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := other.Decrypt(ours, aad); err != nil || !bytes.Equal(out, plaintext) {
				t.Fatalf("Tink does not open ours: %v", err)
			}
			theirs, err := other.Encrypt(plaintext, aad)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := c.Open(nil, theirs, aad); err != nil || !bytes.Equal(out, plaintext) {
				t.Fatalf("we do not open Tink's: %v", err)
			}
		}
	})
}

func tinkXAES(t *testing.T, key []byte) tink.AEAD {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	params, err := xaesgcm.NewParameters(xaesgcm.VariantNoPrefix, prefixSize)
	must(err)
	k, err := xaesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), 0, params)
	must(err)
	manager := keyset.NewManager()
	id, err := manager.AddKey(k)
	must(err)
	must(manager.SetPrimary(id))
	handle, err := manager.Handle()
	must(err)
	a, err := aead.New(handle)
	must(err)
	return a
}

// Suite 2's subkey, written out as RFC 5869 §2 does: extract, then one step of
// expand.
func TestHKDFDerivation(t *testing.T) {
	key, p := bytes.Repeat([]byte{9}, KeySize), prefix([]byte("ABCDEFGHIJKL"))
	got, err := newPrefixed(t, HKDFAES256GCM, key).derive(&p)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	fips140.WithoutEnforcement(func() { // the salt is shorter than an HMAC key may be
		extract := hmac.New(sha256.New, p[:])
		extract.Write(key)
		expand := hmac.New(sha256.New, extract.Sum(nil))
		expand.Write([]byte("sealmesh/v1/hkdf-aes-256-gcm\x01"))
		want = expand.Sum(nil)
	})
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
