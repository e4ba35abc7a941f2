package keycache

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
)

// With a real provider: what one process seals, another opens, and another key
// context does not.
func TestLocalProvider(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek")
	if err := local.Create(path); err != nil {
		t.Fatal(err)
	}
	key := func(service string) *hsm.Key {
		p, err := local.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		ec, err := hsm.NewEncryptionContext(map[string]string{"service": service})
		if err != nil {
			t.Fatal(err)
		}
		return &hsm.Key{Name: "k", Context: ec, Quorum: 1, KEKs: []hsm.KEK{
			{URI: "local:" + path, Kind: local.Kind, ProviderID: 1, Identity: p.Identity(), Provider: p},
		}}
	}
	writer := newRig(t, key("customers"), Options{})
	if err := writer.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	text := writer.mustSeal("123-45-6789")
	writer.end()

	reader := newRig(t, key("customers"), Options{})
	reader.mustOpen(text, "123-45-6789")
	reader.end()

	stranger := newRig(t, key("orders"), Options{})
	_, err := stranger.open(text)
	stranger.wantReason(err, OpenFailed)
	stranger.end()
}
