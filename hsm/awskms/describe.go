package awskms

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// Describe reports the key, from DescribeKey and, if the key can rotate, from
// GetKeyRotationStatus. Rotation is empty for a principal without permission
// for the latter.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	d := describe(m)
	if m.Origin != types.OriginTypeAwsKms || m.KeySpec != types.KeySpecSymmetricDefault {
		d.Rotation = "disabled" // KMS rotates no other keys by itself
		return d, nil
	}
	status, err := p.rotation(ctx)
	switch {
	case err != nil && hsm.ClassOf(err) == hsm.Denied:
		return d, nil
	case err != nil:
		return hsm.Description{}, err
	case status.KeyRotationEnabled:
		d.Rotation, d.RotationDays = "enabled", int(aws.ToInt32(status.RotationPeriodInDays))
	default:
		d.Rotation = "disabled"
	}
	return d, nil
}

func (p *Provider) rotation(ctx context.Context) (*kms.GetKeyRotationStatusOutput, error) {
	return do(ctx, p, operation[*kms.GetKeyRotationStatusOutput]{"GetKeyRotationStatus",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.GetKeyRotationStatusOutput, error) {
			return r.client.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: aws.String(r.key.String())}, opts...)
		}})
}

// requireHints say how an operator of AWS KMS fixes a KEK that is not as
// required.
var requireHints = map[string]string{
	"manager":            "keys managed or owned by AWS (alias/aws/…) are for AWS services alone: nobody else can set their policy, state or rotation; create a customer-managed key",
	"regions":            "replicate the multi-Region key there, and add the Region to the key's regions=",
	"rotation":           "set the key's automatic rotation so; where it is unknown, allow kms:GetKeyRotationStatus",
	"min_days_to_expiry": "import the same key material again, with a later expiry",
}

func describe(m *types.KeyMetadata) hsm.Description {
	d := hsm.Description{
		Kind:        Kind,
		KeyID:       aws.ToString(m.Arn),
		Manager:     "customer",
		Origin:      string(m.Origin),
		Spec:        string(m.KeySpec),
		State:       string(m.KeyState),
		MultiRegion: aws.ToBool(m.MultiRegion),
		Hints:       requireHints,
	}
	if m.KeyManager == types.KeyManagerTypeAws {
		d.Manager = "aws"
	}
	if m.ValidTo != nil && m.ExpirationModel == types.ExpirationModelTypeKeyMaterialExpires {
		d.Expires = *m.ValidTo
	}
	if c := m.MultiRegionConfiguration; c != nil {
		if c.PrimaryKey != nil {
			d.Regions = append(d.Regions, aws.ToString(c.PrimaryKey.Region))
		}
		for _, replica := range c.ReplicaKeys {
			d.Regions = append(d.Regions, aws.ToString(replica.Region))
		}
		slices.Sort(d.Regions)
	} else if a, err := parseARN(d.KeyID); err == nil {
		d.Regions = []string{a.region}
	}
	return d
}
