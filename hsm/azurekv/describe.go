package azurekv

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// Describe reports what the key's current version is, by keys/get and
// keys/getrotationpolicy. A principal that may not ask for the latter learns the
// rest, with Rotation left empty.
//
// Origin is "HSM" for RSA-HSM keys and "SOFTWARE" for others.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	k, err := p.current(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	d := hsm.Description{
		Kind: Kind, KeyID: p.client.keyID, Manager: "customer", Origin: "SOFTWARE",
		Spec: specs[k.public.Size()], State: "Enabled", ExpiresUnix: k.Attributes.Expires,
		Hints: map[string]string{
			"rotation":           "set the rotation policy so, with `az keyvault key rotation-policy update`; where it is unknown, allow keys/getrotationpolicy",
			"min_days_to_expiry": "rotate the key, or change its expiration date",
		},
	}
	if k.Key.Type == "RSA-HSM" {
		d.Origin = "HSM"
	}
	if !k.Attributes.Enabled {
		d.State = "Disabled"
	}
	var policy struct {
		Actions []struct {
			Trigger struct {
				After string `json:"timeAfterCreate"` // ISO 8601: "P90D"
			} `json:"trigger"`
			Action struct {
				Type string `json:"type"`
			} `json:"action"`
		} `json:"lifetimeActions"`
	}
	err = p.client.do(ctx, request{operation: "GetKeyRotationPolicy", path: "/rotationpolicy"}, &policy)
	if e, ok := errors.AsType[*hsm.Error](err); ok && e.Class == hsm.Denied {
		return d, nil
	}
	if err != nil {
		return hsm.Description{}, err
	}
	d.Rotation = "disabled"
	for _, a := range policy.Actions {
		if strings.EqualFold(a.Action.Type, "Rotate") {
			d.Rotation, d.RotationDay = "enabled", days(a.Trigger.After)
		}
	}
	return d, nil
}

// days reads a period of one unit, of 30 days to the month and 365 to the year.
// Any other is 0, unknown.
func days(period string) int {
	unit := map[string]int{"D": 1, "W": 7, "M": 30, "Y": 365}
	text, ok := strings.CutPrefix(period, "P")
	if !ok || len(text) < 2 {
		return 0
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || n < 0 || n > 10000 {
		return 0
	}
	return n * unit[text[len(text)-1:]]
}
