package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Requirement states what a KEK must be, as a policy's `require:` says it. A
// zero field requires nothing. That the KEK can be used at all, its state, is no
// part of it: opening it refuses one that cannot.
type Requirement struct {
	Manager, Origin, Spec string // as in [Description]
	MultiRegion           *bool
	Regions               []string // every one of these holds the key or a replica
	Rotation              string   // "enabled" or "disabled"
	MinDaysToExpiry       int      // imported material lasts at least this many days more
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
	if r.Origin != "" && r.Origin != d.Origin {
		differs("origin", r.Origin, d.Origin, hintFixed)
	}
	if r.Spec != "" && r.Spec != d.Spec {
		differs("spec", r.Spec, d.Spec, hintFixed)
	}
	if r.MultiRegion != nil && *r.MultiRegion != d.MultiRegion {
		differs("multi_region", fmt.Sprint(*r.MultiRegion), fmt.Sprint(d.MultiRegion), hintFixed)
	}
	for _, region := range r.Regions {
		if !slices.Contains(d.Regions, region) {
			differs("regions", region, strings.Join(d.Regions, ", "), hintReplica)
		}
	}
	if r.Rotation != "" && r.Rotation != d.Rotation {
		hint := "set the key's automatic rotation so"
		if d.Rotation == "" {
			hint = "allow kms:GetKeyRotationStatus, or set the key's automatic rotation so"
		}
		differs("rotation", r.Rotation, d.Rotation, hint)
	}
	if r.MinDaysToExpiry > 0 && d.ExpiresUnix != 0 {
		expires := time.Unix(d.ExpiresUnix, 0)
		if left := expires.Sub(now); left < time.Duration(r.MinDaysToExpiry)*24*time.Hour {
			got := fmt.Sprintf("%d (%s)", int(left.Hours()/24), expires.UTC().Format(time.DateOnly))
			differs("min_days_to_expiry", fmt.Sprint(r.MinDaysToExpiry), got, hintMaterial)
		}
	}
	return all
}

// Require describes k and returns nil when it is as r says, and otherwise a
// [Misconfigured] error that names every difference. A KEK whose provider cannot
// describe it fulfils nothing.
func (k KEK) Require(ctx context.Context, r Requirement) error {
	var d Description
	if describer, ok := k.Provider.(Describer); ok {
		var err error
		if d, err = describer.Describe(ctx); err != nil {
			return err
		}
	}
	diffs := r.Check(d, time.Now())
	if len(diffs) == 0 {
		return nil
	}
	texts := make([]string, len(diffs))
	for i, diff := range diffs {
		texts[i] = diff.String()
	}
	return &Error{
		Class: Misconfigured, Provider: k.Kind, Operation: "Require", KeyID: k.Identity,
		Err: errors.New("the KEK is not what the policy requires: " + strings.Join(texts, "; ")),
	}
}
