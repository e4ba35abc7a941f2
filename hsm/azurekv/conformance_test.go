package azurekv

import (
	"os"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestConformance(t *testing.T) {
	for name, sample := range map[string]int{"RSA": 0, "RSA-HSM": 12} {
		t.Run(name, func(t *testing.T) {
			s := startFake(t)
			s.CreateKey("other", azurefake.Key{})
			if name == "RSA-HSM" {
				s.CreateKey("customers", azurefake.Key{Type: "RSA-HSM", Bits: 3072})
			}
			hsmtest.Run(t, hsmtest.Harness{Open: opener(uri(s, "customers")), Other: opener(uri(s, "other")), Sample: sample, ContextInside: true})
		})
	}
}

// TestConformanceSealOnly: a principal that may read the key and not unwrap.
func TestConformanceSealOnly(t *testing.T) {
	s := startFake(t)
	s.CreateKey("other", azurefake.Key{})
	hsmtest.Run(t, hsmtest.Harness{
		Open: func(t testing.TB) hsm.Provider {
			s.Allow("get", "getrotationpolicy")
			defer s.Allow("get", "unwrapKey", "getrotationpolicy")
			return mustOpen(t, uri(s, "customers"))
		},
		Unwrapper: opener(uri(s, "customers")), Other: opener(uri(s, "other")), Sample: 6, ContextInside: true,
	})
}

// TestConformanceAzure runs against a real key where one is named. It makes
// some 500 requests, all of them free of side effects.
func TestConformanceAzure(t *testing.T) {
	name := os.Getenv("SEALMESH_TEST_AZUREKV")
	if name == "" {
		t.Skip("SEALMESH_TEST_AZUREKV names no key")
	}
	harness := hsmtest.Harness{Open: opener(name), Sample: 16, ContextInside: true}
	if other := os.Getenv("SEALMESH_TEST_AZUREKV_OTHER"); other != "" {
		harness.Other = opener(other)
	}
	hsmtest.Run(t, harness)
}
