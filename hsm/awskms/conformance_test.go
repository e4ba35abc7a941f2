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

func TestConformanceRSA(t *testing.T) {
	isolate(t)
	s := startFake(t)
	hsmtest.Run(t, hsmtest.Harness{
		Open:          opener(uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"}))),
		Other:         opener(uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"}))),
		ContextInside: true,
		Sample:        8,
	})
}

// TestConformanceAWS runs against a real key where one is named. It makes some
// 300 requests, all of them free of side effects.
func TestConformanceAWS(t *testing.T) {
	name := os.Getenv("SEALMESH_TEST_AWSKMS")
	if name == "" {
		t.Skip("SEALMESH_TEST_AWSKMS names no key")
	}
	p := mustOpen(t, name)
	harness := hsmtest.Harness{Open: opener(name), ContextInside: p.public != nil, Sample: 16}
	if other := os.Getenv("SEALMESH_TEST_AWSKMS_OTHER"); other != "" {
		harness.Other = opener(other)
	}
	hsmtest.Run(t, harness)
}
