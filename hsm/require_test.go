package hsm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

func TestRequirement(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	good := hsm.Description{
		Kind: "awskms", Manager: "customer", Origin: "EXTERNAL", Spec: "SYMMETRIC_DEFAULT", State: "Enabled", MultiRegion: true,
		Regions: []string{"eu-central-1", "eu-west-1"}, Rotation: "enabled", RotationDay: 90, ExpiresUnix: now.AddDate(0, 0, 30).Unix(),
	}
	require := hsm.Requirement{
		Manager: "customer", Origin: []string{"EXTERNAL", "AWS_CLOUDHSM"}, Spec: []string{"SYMMETRIC_DEFAULT"}, State: "Enabled",
		MultiRegion: new(true), Regions: []string{"eu-west-1", "eu-central-1"}, Rotation: "enabled", MaxRotationDays: 90, MinDaysToExpiry: 30,
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
		{"manager", "alias/aws/", func(d *hsm.Description) { d.Manager = "aws" }},
		{"origin", "make a new key", func(d *hsm.Description) { d.Origin = "AWS_KMS" }},
		{"spec", "make a new key", func(d *hsm.Description) { d.Spec = "RSA_2048" }},
		{"state", "on purpose", func(d *hsm.Description) { d.State = "Disabled" }},
		{"multi_region", "make a new key", func(d *hsm.Description) { d.MultiRegion = false }},
		{"regions", "replicate", func(d *hsm.Description) { d.Regions = []string{"eu-west-1"} }},
		{"max_rotation_days", "shorten", func(d *hsm.Description) { d.RotationDay = 91 }},
		{"max_rotation_days", "does not tell", func(d *hsm.Description) { d.RotationDay = 0 }},
		{"min_days_to_expiry", "import the same", func(d *hsm.Description) { d.ExpiresUnix-- }},
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

// TestRequirementUnknown: what a back end does not say has not been shown.
func TestRequirementUnknown(t *testing.T) {
	require := hsm.Requirement{
		Manager: "customer", Origin: []string{"HSM"}, Spec: []string{"AES_256"}, State: "Enabled",
		MultiRegion: new(true), Regions: []string{"eu-west-1"}, Rotation: "enabled", MaxRotationDays: 365,
	}
	diffs := require.Check(hsm.Description{}, time.Time{})
	if len(diffs) != 8 {
		t.Fatalf("%d differences, want 8: %v", len(diffs), diffs)
	}
	for _, d := range diffs {
		if d.Hint == "" || d.Got == "" || d.Want == "" {
			t.Errorf("incomplete: %+v", d)
		}
	}
}
