package awskms

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// Open connects to the key that uri names and checks that it can be a KEK. It
// resolves an alias once and fetches the public key of an RSA key. The package
// documentation describes the URI.
func Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	return open(ctx, s, httpClient(s.timeout))
}

func open(ctx context.Context, s settings, client aws.HTTPClient) (*Provider, error) {
	p := &Provider{grantTokens: s.grantTokens, timeout: s.timeout, settings: s, client: client}
	if s.key.isAlias() {
		key, err := resolve(ctx, s, client)
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	p.identity = s.key.identity()
	if err := p.connect(ctx, s, client); err != nil {
		return nil, err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if failed := usable(m); failed != nil {
		return nil, failed
	}
	if err := p.checkReplicas(m); err != nil {
		return nil, err
	}
	if want, ok := modulusBytes[m.KeySpec]; ok {
		if p.public, err = p.publicKey(ctx, want); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// connect makes the clients of p's Regions, and checks that one of them has
// credentials.
func (p *Provider) connect(ctx context.Context, s settings, client aws.HTTPClient) error {
	var cfgs []aws.Config
	for _, name := range s.regions {
		cfg, err := configIn(ctx, s, name, client)
		if err != nil {
			return err
		}
		r := &region{key: s.key.in(name), grantTokens: s.grantTokens}
		if r.client, err = newClient(cfg, s, r.key); err != nil {
			return err
		}
		cfgs, p.regions = append(cfgs, cfg), append(p.regions, r)
	}
	return fetchCredentials(ctx, s, cfgs...)
}

// checkReplicas finds a Region without a replica now, and not on the day that
// the Region is needed.
func (p *Provider) checkReplicas(m *types.KeyMetadata) error {
	held := describe(m).Regions
	for _, r := range p.regions {
		if !slices.Contains(held, r.key.region) {
			return p.fail(hsm.Misconfigured, "Open", fmt.Errorf("there is no replica of the key in %s", r.key.region),
				"replicate the key there, or take the Region out of regions=")
		}
	}
	return nil
}

// resolve asks which key an alias points to. From then on that key counts:
// repointing the alias while sealmesh runs changes nothing, and records name
// the key. Only the alias's own Region is asked: in others the same name may
// point to another key.
func resolve(ctx context.Context, s settings, over aws.HTTPClient) (keyARN, error) {
	cfg, err := loadConfig(ctx, s, over)
	if err != nil {
		return keyARN{}, err
	}
	client, err := newClient(cfg, s, s.key)
	if err != nil {
		return keyARN{}, err
	}
	out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(s.key.String()), GrantTokens: s.grantTokens})
	if err != nil {
		return keyARN{}, classify(ctx, "DescribeKey", s.key.String(), err)
	}
	if out.KeyMetadata == nil {
		err = errNoMetadata
	}
	var key keyARN
	if err == nil {
		key, err = parseARN(aws.ToString(out.KeyMetadata.Arn))
	}
	if err == nil {
		err = s.checkReplicas(key)
	}
	if err != nil {
		return keyARN{}, &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "DescribeKey", KeyID: s.key.String(), Err: err}
	}
	return key, nil
}

func (p *Provider) metadata(ctx context.Context) (*types.KeyMetadata, error) {
	out, err := do(ctx, p, operation[*kms.DescribeKeyOutput]{"DescribeKey",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
			return r.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(r.key.String()), GrantTokens: p.grantTokens}, opts...)
		}})
	if err != nil {
		return nil, err
	}
	if out.KeyMetadata == nil || !p.regions[0].key.same(aws.ToString(out.KeyMetadata.Arn)) {
		return nil, p.fail(hsm.Misconfigured, "DescribeKey", errNoMetadata, "check endpoint=")
	}
	return out.KeyMetadata, nil
}

func (p *Provider) publicKey(ctx context.Context, modulus int) (*rsa.PublicKey, error) {
	out, err := do(ctx, p, operation[*kms.GetPublicKeyOutput]{"GetPublicKey",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
			return r.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(r.key.String()), GrantTokens: p.grantTokens}, opts...)
		}})
	if err != nil {
		return nil, err
	}
	if err := p.checkAnswer("GetPublicKey", out.KeyId, 0, 0); err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		return nil, p.fail(hsm.Misconfigured, "GetPublicKey", errors.New("KMS's public key cannot be read"), "")
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok || public.Size() != modulus {
		return nil, p.fail(hsm.Misconfigured, "GetPublicKey", fmt.Errorf("KMS's public key is not RSA with %d bytes", modulus), "")
	}
	return public, nil
}
