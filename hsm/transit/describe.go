package transit

import (
	"context"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// Describe reports the key. It needs read on the key.
//
// Transit has no states: an existing key is enabled.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	a, err := p.read(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	d := hsm.Description{
		Kind: Kind, KeyID: p.client.keyID, Manager: "customer",
		Origin: "TRANSIT", Spec: specs[a.Type], State: "Enabled", Rotation: "disabled",
		Hints: map[string]string{"rotation": "set auto_rotate_period so, at " + p.mount + "/keys/" + p.key + "/config"},
	}
	if d.Spec == "" {
		d.Spec = a.Type
	}
	if a.Imported {
		d.Origin = "EXTERNAL"
	}
	if a.Deleted {
		d.State = "PendingDeletion"
	}
	if period := time.Duration(a.Rotate) * time.Second; period > 0 {
		d.Rotation, d.RotationDays = "enabled", max(1, int(period.Hours()/24))
	}
	return d, nil
}
