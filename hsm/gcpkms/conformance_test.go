package gcpkms

import (
	"os"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestConformance(t *testing.T) {
	isolate(t)
	r := startFake(t)
	hsmtest.Run(t, hsmtest.Harness{Open: opener(r.uri(r.key, r.all)), Other: opener(r.uri(r.CreateKey(gcpfake.Key{}), r.all))})
}

// TestConformanceSealOnly: an encrypter that may read what the key is.
func TestConformanceSealOnly(t *testing.T) {
	isolate(t)
	r := startFake(t)
	hsmtest.Run(t, hsmtest.Harness{
		Open:      opener(r.uri(r.key, r.account(t, gcpfake.Get, gcpfake.Encrypt))),
		Unwrapper: opener(r.uri(r.key, r.account(t, gcpfake.Decrypt))),
		Other:     opener(r.uri(r.CreateKey(gcpfake.Key{}), r.all)),
		Sample:    8,
	})
}

// TestConformanceGoogle runs against a real key where one is named. It makes
// some 500 requests, all of them free of side effects.
func TestConformanceGoogle(t *testing.T) {
	name := os.Getenv("SEALMESH_TEST_GCPKMS")
	if name == "" {
		t.Skip("SEALMESH_TEST_GCPKMS names no key")
	}
	harness := hsmtest.Harness{Open: opener(name), Sample: 16}
	if other := os.Getenv("SEALMESH_TEST_GCPKMS_OTHER"); other != "" {
		harness.Other = opener(other)
	}
	hsmtest.Run(t, harness)
}
