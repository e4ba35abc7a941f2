package hsm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Requirement states what a KEK must be, as a policy's `require:` says it. A
// zero field requires nothing.
type Requirement struct {
	Manager         string   // "customer" or "aws"
	Origin          []string // any one of these, as in [Description.Origin]
	Spec            []string // any one of these, as in [Description.Spec]
	State           string   // "Enabled"
	MultiRegion     *bool
	Regions         []string // every one of these holds the key or a replica
	Rotation        string   // "enabled" or "disabled"
	MaxRotationDays int      // the rotation period is no longer than this
	MinDaysToExpiry int      // imported material lasts at least this many days more
}

// A Difference is one way in which a KEK is not what it must be.
type Difference struct {
	Field string // as the policy spells it: "multi_region"
	Want  string
	Got   string // "unknown" where the back end does not say
	Hint  string // what an operator does next, without a full stop
}

// String reads "origin: want AWS_CLOUDHSM, is AWS_KMS (…)".
func (d Difference) String() string {
	return fmt.Sprintf("%s: want %s, is %s (%s)", d.Field, d.Want, d.Got, d.Hint)
}

const (
	hintFixed    = "it is chosen when a key is created: make a new key that is so, and re-wrap"
	hintManager  = "keys managed or owned by AWS (alias/aws/…) are for AWS services alone: nobody else can set their policy, state or rotation; create a customer-managed key"
	hintReplica  = "replicate the multi-Region key there, and add the Region to the key's regions="
	hintMaterial = "import the same key material again, with a later expiry"
)

// Check returns every difference between d and what r requires, in the order of
// r's fields; none means that the KEK is as it must be. What the back end does
// not say counts as a difference: a requirement that cannot be shown to hold
// does not hold. now is what expiry is reckoned from.
func (r Requirement) Check(d Description, now time.Time) []Difference {
	var all []Difference
	differs := func(field, want, got, hint string) {
		if got == "" {
			got = "unknown"
		}
		all = append(all, Difference{field, want, got, hint})
	}
	if r.Manager != "" && r.Manager != d.Manager {
		differs("manager", r.Manager, d.Manager, hintManager)
	}
	if len(r.Origin) > 0 && !slices.Contains(r.Origin, d.Origin) {
		differs("origin", strings.Join(r.Origin, " or "), d.Origin, hintFixed)
	}
	if len(r.Spec) > 0 && !slices.Contains(r.Spec, d.Spec) {
		differs("spec", strings.Join(r.Spec, " or "), d.Spec, hintFixed)
	}
	if r.State != "" && r.State != d.State {
		differs("state", r.State, d.State, "bring the key into that state, unless it was left on purpose")
	}
	if r.MultiRegion != nil && *r.MultiRegion != d.MultiRegion {
		differs("multi_region", fmt.Sprint(*r.MultiRegion), fmt.Sprint(d.MultiRegion), hintFixed)
	}
	for _, region := range r.Regions {
		if !slices.Contains(d.Regions, region) {
			differs("regions", region, strings.Join(d.Regions, ", "), hintReplica)
		}
	}
	r.checkRotation(d, differs)
	r.checkExpiry(d, now, differs)
	return all
}

func (r Requirement) checkRotation(d Description, differs func(field, want, got, hint string)) {
	if r.Rotation != "" && r.Rotation != d.Rotation {
		hint := "set the key's automatic rotation so"
		if d.Rotation == "" {
			hint = "allow kms:GetKeyRotationStatus, or set the key's automatic rotation so"
		}
		differs("rotation", r.Rotation, d.Rotation, hint)
	}
	if r.MaxRotationDays == 0 {
		return
	}
	want := fmt.Sprintf("at most %d", r.MaxRotationDays)
	switch {
	case d.Rotation != "enabled":
		differs("max_rotation_days", want, d.Rotation, "enable the key's automatic rotation with that period")
	case d.RotationDay == 0:
		differs("max_rotation_days", want, "", "the back end does not tell the rotation period")
	case d.RotationDay > r.MaxRotationDays:
		differs("max_rotation_days", want, fmt.Sprint(d.RotationDay), "shorten the key's rotation period")
	}
}

func (r Requirement) checkExpiry(d Description, now time.Time, differs func(field, want, got, hint string)) {
	if r.MinDaysToExpiry == 0 || d.ExpiresUnix == 0 {
		return
	}
	expires := time.Unix(d.ExpiresUnix, 0)
	if left := expires.Sub(now); left < time.Duration(r.MinDaysToExpiry)*24*time.Hour {
		differs("min_days_to_expiry", fmt.Sprint(r.MinDaysToExpiry),
			fmt.Sprintf("%d (%s)", int(left.Hours()/24), expires.UTC().Format(time.DateOnly)), hintMaterial)
	}
}
