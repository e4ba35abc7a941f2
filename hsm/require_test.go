package hsm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

func TestRequirement(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	good := hsm.Description{
		Kind: "awskms", Manager: "customer", Origin: "EXTERNAL", Spec: "SYMMETRIC_DEFAULT", State: "Enabled", MultiRegion: true,
		Regions: []string{"eu-central-1", "eu-west-1"}, Rotation: "enabled", RotationDays: 90, Expires: now.AddDate(0, 0, 30),
		Hints: map[string]string{"regions": "replicate it here"},
	}
	require := hsm.Requirement{
		Manager: "customer", Origin: "EXTERNAL", Spec: "SYMMETRIC_DEFAULT",
		MultiRegion: new(true), Regions: []string{"eu-west-1", "eu-central-1"}, Rotation: "enabled", MinDaysToExpiry: 30,
	}
	if diffs := require.Check(good, now); len(diffs) != 0 {
		t.Fatalf("a KEK that is as it must be differs: %v", diffs)
	}
	if diffs := (hsm.Requirement{}).Check(hsm.Description{}, now); len(diffs) != 0 {
		t.Fatalf("nothing required, yet it differs: %v", diffs)
	}
	tests := []struct {
		field, hint string
		change      func(*hsm.Description)
	}{
		{"manager", "a key of your own", func(d *hsm.Description) { d.Manager = "aws" }},
		{"origin", "make a new key", func(d *hsm.Description) { d.Origin = "AWS_KMS" }},
		{"spec", "make a new key", func(d *hsm.Description) { d.Spec = "RSA_2048" }},
		{"multi_region", "make a new key", func(d *hsm.Description) { d.MultiRegion = false }},
		{"regions", "replicate it here", func(d *hsm.Description) { d.Regions = []string{"eu-west-1"} }},
		{"rotation", "automatic rotation", func(d *hsm.Description) { d.Rotation = "disabled" }},
		{"min_days_to_expiry", "expire later", func(d *hsm.Description) { d.Expires = d.Expires.Add(-time.Second) }},
	}
	for _, tt := range tests {
		d := good
		tt.change(&d)
		diffs := require.Check(d, now)
		if len(diffs) != 1 || diffs[0].Field != tt.field || !strings.Contains(diffs[0].String(), tt.hint) {
			t.Errorf("%s: differences %v, want that one with %q", tt.field, diffs, tt.hint)
		}
	}
}

// A KEK that wraps by AES or RSA-OAEP is approved; one that wraps by anything
// else, or does not say, is not.
func TestRequirementFIPS(t *testing.T) {
	for spec, approved := range map[string]bool{
		"AES_256": true, "SYMMETRIC_DEFAULT": true, "GOOGLE_SYMMETRIC_ENCRYPTION": true, "RSA_2048": true,
		"RSA_DECRYPT_OAEP_3072_SHA256": true, "RSA_1024": false, "CHACHA20_POLY1305": false, "SM2": false, "": false,
	} {
		diffs := hsm.Requirement{FIPS: true}.Check(hsm.Description{Spec: spec}, time.Time{})
		if approved != (len(diffs) == 0) || !approved && !strings.HasPrefix(diffs[0].String(), "fips: want an approved algorithm, is ") {
			t.Errorf("%q: %v", spec, diffs)
		}
	}
}

// TestRequirementUnknown: what a back end does not say has not been shown.
func TestRequirementUnknown(t *testing.T) {
	require := hsm.Requirement{
		Manager: "customer", Origin: "HSM", Spec: "AES_256",
		MultiRegion: new(true), Regions: []string{"eu-west-1"}, Rotation: "enabled",
	}
	diffs := require.Check(hsm.Description{}, time.Time{})
	if len(diffs) != 6 {
		t.Fatalf("%d differences, want 6: %v", len(diffs), diffs)
	}
	for _, d := range diffs {
		if d.Hint == "" || d.Got == "" || d.Want == "" {
			t.Errorf("incomplete: %+v", d)
		}
	}
}

// describes is a provider that only describes.
type describes struct {
	hsm.Provider
	d   hsm.Description
	err error
}

func (p describes) Describe(context.Context) (hsm.Description, error) { return p.d, p.err }

func TestKEKRequire(t *testing.T) {
	r := hsm.Requirement{Manager: "customer", Origin: "AWS_CLOUDHSM"}
	down := errors.New("down")
	kek := func(p hsm.Provider) hsm.KEK { return hsm.KEK{Kind: "awskms", Identity: "arn", Provider: p} }

	if err := kek(describes{d: hsm.Description{Manager: "customer", Origin: "AWS_CLOUDHSM"}}).Require(t.Context(), r); err != nil {
		t.Error(err)
	}
	err := kek(describes{d: hsm.Description{Manager: "aws", Origin: "AWS_KMS"}}).Require(t.Context(), r)
	if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "manager") || !strings.Contains(err.Error(), "origin") {
		t.Errorf("got %v, want misconfigured with both differences", err)
	}
	if err := kek(describes{err: down}).Require(t.Context(), r); !errors.Is(err, down) {
		t.Errorf("got %v, want what Describe returned", err)
	}
	if err := kek(nil).Require(t.Context(), r); err == nil || hsm.ClassOf(err) != hsm.Misconfigured {
		t.Errorf("a provider that cannot describe: %v", err)
	}
	if err := kek(nil).Require(t.Context(), hsm.Requirement{}); err != nil {
		t.Errorf("nothing required: %v", err)
	}
}
