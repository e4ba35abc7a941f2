package transit

import (
	"os"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

func TestConformance(t *testing.T) {
	for _, keyType := range []string{"aes256-gcm96", "chacha20-poly1305"} {
		t.Run(keyType, func(t *testing.T) {
			isolate(t)
			r := startFake(t)
			r.CreateKey("customers", transitfake.Key{Type: keyType})
			r.CreateKey("other", transitfake.Key{Type: keyType})
			hsmtest.Run(t, hsmtest.Harness{Open: opener(r.uri("customers")), Other: opener(r.uri("other"))})
		})
	}
}

// TestConformanceSealOnly: a token that may encrypt and not decrypt.
func TestConformanceSealOnly(t *testing.T) {
	isolate(t)
	r := startFake(t)
	sealer, opens := startToken(t, r, "sealer", "update transit/encrypt/customers", "read transit/keys/customers"), r.uri("customers")
	r.CreateKey("other", transitfake.Key{})
	hsmtest.Run(t, hsmtest.Harness{Open: opener(sealer), Unwrapper: opener(opens), Other: opener(r.uri("other")), Sample: 8})
}

// TestConformanceServer runs against a real key where one is named. It makes
// some 500 requests, all of them free of side effects.
func TestConformanceServer(t *testing.T) {
	name := os.Getenv("SEALMESH_TEST_TRANSIT")
	if name == "" {
		t.Skip("SEALMESH_TEST_TRANSIT names no key")
	}
	harness := hsmtest.Harness{Open: opener(name), Sample: 16}
	if other := os.Getenv("SEALMESH_TEST_TRANSIT_OTHER"); other != "" {
		harness.Other = opener(other)
	}
	hsmtest.Run(t, harness)
}

// startToken returns a URI whose token may do what caps say.
func startToken(t *testing.T, r rig, token string, caps ...string) string {
	t.Helper()
	r.Allow(token, caps...)
	file := t.TempDir() + "/token"
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return r.uri("customers", "token-file", file)
}
