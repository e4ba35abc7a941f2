package awskms

import (
	"os"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func TestConformanceSymmetric(t *testing.T) {
	isolate(t)
	s := startFake(t)
	hsmtest.Run(t, hsmtest.Harness{
		Open:  opener(uri(s, s.CreateKey(kmsfake.Key{}))),
		Other: opener(uri(s, s.CreateKey(kmsfake.Key{}))),
	})
}

func TestConformanceMultiRegion(t *testing.T) {
	isolate(t)
	s := startFake(t)
	primary := s.CreateKey(kmsfake.Key{MultiRegion: true})
	s.Replicate(primary, "eu-central-1")
	hsmtest.Run(t, hsmtest.Harness{
		Open:   opener(uri(s, primary, "regions", "eu-west-1,eu-central-1")),
		Other:  opener(uri(s, s.CreateKey(kmsfake.Key{MultiRegion: true}))),
		Sample: 20,
	})
}

// TestConformanceRSA runs on all three sizes: each is another modulus length in
// the length check.
func TestConformanceRSA(t *testing.T) {
	isolate(t)
	s := startFake(t)
	for _, spec := range []string{"RSA_2048", "RSA_3072", "RSA_4096"} {
		t.Run(spec, func(t *testing.T) {
			hsmtest.Run(t, hsmtest.Harness{
				Open:    opener(uri(s, s.CreateKey(kmsfake.Key{Spec: spec}))),
				Other:   opener(uri(s, s.CreateKey(kmsfake.Key{Spec: spec}))),
				Offline: true,
				Sample:  8,
			})
		})
	}
}

// TestConformanceAWS runs against a real key where one is named. It makes some
// 300 requests, all of them free of side effects.
func TestConformanceAWS(t *testing.T) {
	name := os.Getenv("SEALMESH_TEST_AWSKMS")
	if name == "" {
		t.Skip("SEALMESH_TEST_AWSKMS names no key")
	}
	p := mustOpen(t, name)
	harness := hsmtest.Harness{Open: opener(name), Offline: p.public != nil, Sample: 16}
	if other := os.Getenv("SEALMESH_TEST_AWSKMS_OTHER"); other != "" {
		harness.Other = opener(other)
	}
	hsmtest.Run(t, harness)
}
