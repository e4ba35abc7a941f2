package azurekv

import (
	"context"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/sealmesh/sealmesh/hsm"
)

// Describe reports the key's current version, from keys/get and
// keys/getrotationpolicy. Rotation is empty for a principal without permission
// for the latter.
//
// Origin is "HSM" for RSA-HSM keys and "SOFTWARE" for others.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	k, err := p.current(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	d := hsm.Description{
		Kind: Kind, KeyID: p.client.keyID, Manager: "customer", Origin: "SOFTWARE",
		Spec: specs[k.public.Size()], State: "Enabled", Expires: k.expires,
		Hints: map[string]string{
			"rotation":           "set the rotation policy so, with `az keyvault key rotation-policy update`; where it is unknown, allow keys/getrotationpolicy",
			"min_days_to_expiry": "rotate the key, or change its expiration date",
		},
	}
	if k.hsm {
		d.Origin = "HSM"
	}
	if !k.enabled {
		d.State = "Disabled"
	}
	out, failed := ask(ctx, p.client, "GetKeyRotationPolicy", func(ctx context.Context) (azkeys.GetKeyRotationPolicyResponse, error) {
		return p.client.keys.GetKeyRotationPolicy(ctx, p.client.name, nil)
	})
	switch {
	case failed != nil && failed.Class == hsm.Denied:
		return d, nil
	case failed != nil:
		return hsm.Description{}, failed
	}
	d.Rotation = "disabled"
	for _, a := range out.LifetimeActions {
		if a == nil || a.Action == nil || a.Action.Type == nil || !strings.EqualFold(string(*a.Action.Type), string(azkeys.KeyRotationPolicyActionRotate)) {
			continue
		}
		d.Rotation = "enabled"
		if a.Trigger != nil && a.Trigger.TimeAfterCreate != nil {
			d.RotationDays = days(*a.Trigger.TimeAfterCreate)
		}
	}
	return d, nil
}

// days parses a period of one unit, with 30 days to the month and 365 to the
// year. Any other period is 0, unknown.
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
