package transit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestForm holds the form of wraps, which records that exist depend on.
func TestForm(t *testing.T) {
	sealed := bytes.Repeat([]byte{0xa5}, sealedSize)
	text := "vault:v258:" + base64.StdEncoding.EncodeToString(sealed)
	want := append([]byte{1, 0, 0, 1, 2}, sealed...)
	got, ok := pack(text)
	if !ok || !bytes.Equal(got, want) || len(got) != WrappedSize || WrappedSize != 65 {
		t.Fatalf("pack: %x, %v", got, ok)
	}
	if back, ok := unpack(got); !ok || back != text {
		t.Errorf("unpack: %q, %v", back, ok)
	}
	body := string(encryptBody([]byte("0123456789abcdef0123456789abcdef"), hsmtest.Context(t, "service", "customers")))
	if want := `{"plaintext":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","associated_data":"c2VhbG1lc2gvdHJhbnNpdC93cmFwL3YxAAAHc2VydmljZQAJY3VzdG9tZXJz"}`; body != want {
		t.Errorf("encrypt sends %s", body)
	}
}

func TestPackRefuses(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, sealedSize))
	for _, text := range []string{
		"", "vault:", "vault:v1:", "vault:v0:" + good, "vault:v01:" + good, "vault:v+1:" + good, "vault:v2147483648:" + good,
		"v1:" + good, "vault:v1:" + good[:76], "vault:v1:" + good + "AAAA", "vault:v1:" + strings.Repeat("*", 80), "vault:v1:" + good[:40] + "\n" + good[41:],
	} {
		if wrapped, ok := pack(text); ok {
			t.Errorf("pack(%q) = %x", text, wrapped)
		}
	}
	for _, wrapped := range [][]byte{nil, make([]byte, WrappedSize), append([]byte{1}, make([]byte, WrappedSize-1)...), append([]byte{1, 0x80, 0, 0, 0}, make([]byte, sealedSize)...), append([]byte{2, 0, 0, 0, 1}, make([]byte, sealedSize)...)} {
		if text, ok := unpack(wrapped); ok {
			t.Errorf("unpack(%x) = %q", wrapped, text)
		}
	}
}

// FuzzPack: what packs is canonical, and makes requests that are JSON.
func FuzzPack(f *testing.F) {
	f.Add("vault:v1:" + base64.StdEncoding.EncodeToString(make([]byte, sealedSize)))
	f.Add("vault:v2147483647:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, sealedSize)))
	f.Add("vault:v0:AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		wrapped, ok := pack(text)
		if !ok {
			return
		}
		back, ok := unpack(wrapped)
		if !ok || back != text {
			t.Fatalf("%q came back as %q", text, back)
		}
		if body := decryptBody(back, hsmtest.Context(t, "a", "b")); !json.Valid(body) {
			t.Fatalf("not JSON: %s", body)
		}
	})
}
