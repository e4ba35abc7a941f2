package gcpkms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/cloudkms/v1"

	"github.com/sealmesh/sealmesh/hsm"
)

// Open fetches credentials, and checks that the key that uri names can be a
// KEK, as far as this principal may read the key. The package documentation
// describes the URI.
func Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	c, err := newClient(ctx, s)
	if err != nil {
		return nil, err
	}
	p := &Provider{client: c}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// start makes the failures Misconfigured that a running process survives but an
// operator must fix at the start: an identity that gets no token, and a key
// that never existed.
func (p *Provider) start(ctx context.Context) error {
	k, err := p.read(ctx)
	if err == nil {
		return p.usable(k)
	}
	e, ok := errors.AsType[*hsm.Error](err)
	switch {
	case ok && e.Operation == "GetToken" && (e.Class == hsm.Unclear || errors.Is(e.Err, errNoToken)), ok && e.Code == "NOT_FOUND":
		e.Class = hsm.Misconfigured
	case ok && e.Class == hsm.Denied && e.Code == "PERMISSION_DENIED" && (e.Err == nil || e.Err.Error() == "IAM_PERMISSION_DENIED"):
		return nil // encrypters and decrypters may not read; the first use tells
	}
	return err
}

func (p *Provider) read(ctx context.Context) (*cloudkms.CryptoKey, error) {
	c := p.client
	k, failed := ask(ctx, c, "GetCryptoKey",
		func(ctx context.Context) call[*cloudkms.CryptoKey] { return c.keys.Get(c.key).Context(ctx) },
		func(k *cloudkms.CryptoKey) error {
			if k.Name != c.key {
				return errOtherKey
			}
			return nil
		})
	if failed != nil {
		return nil, failed
	}
	return k, nil
}

func (p *Provider) usable(k *cloudkms.CryptoKey) error {
	no := func(class hsm.Class, hint, format string, args ...any) error {
		return p.client.fail(class, "Open", fmt.Errorf(format, args...), hint)
	}
	if k.Purpose != "ENCRYPT_DECRYPT" {
		return no(hsm.Misconfigured, "make a key with --purpose encryption", "the key's purpose is %.40q", k.Purpose)
	}
	if k.Primary == nil || k.Primary.Name == "" {
		return no(hsm.Misconfigured, "make a version the primary one: `gcloud kms keys set-primary-version`", "the key has no primary version")
	}
	if v, ok := states[k.Primary.State]; ok {
		return no(v.class, v.hint, "the primary version is %s", k.Primary.State)
	}
	return nil
}

// Describe reports the key. It needs cloudkms.cryptoKeys.get.
//
// Origin is the protection level of the primary version: SOFTWARE, HSM,
// EXTERNAL or EXTERNAL_VPC, in Google's words.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	k, err := p.read(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	primary, template := k.Primary, k.VersionTemplate
	if primary == nil {
		primary = &cloudkms.CryptoKeyVersion{}
	}
	if template == nil {
		template = &cloudkms.CryptoKeyVersionTemplate{}
	}
	d := hsm.Description{
		Kind: Kind, KeyID: p.client.key, Manager: "customer",
		Origin: cmp.Or(primary.ProtectionLevel, template.ProtectionLevel),
		Spec:   cmp.Or(primary.Algorithm, template.Algorithm, "GOOGLE_SYMMETRIC_ENCRYPTION"),
		State:  cmp.Or(stateNames[primary.State], primary.State), Regions: []string{p.client.location}, Rotation: "disabled",
		Hints: map[string]string{"rotation": "set the rotation period so, with `gcloud kms keys update`", "regions": "a key is in one location for ever: make one there"},
	}
	if period, err := strconv.ParseFloat(strings.TrimSuffix(k.RotationPeriod, "s"), 64); err == nil && period > 0 {
		d.Rotation, d.RotationDays = "enabled", max(1, int(time.Duration(period)*time.Second/(24*time.Hour)))
	}
	return d, nil
}

// stateNames translate Google's names of states into hsm's.
var stateNames = map[string]string{"ENABLED": "Enabled", "DISABLED": "Disabled", "DESTROY_SCHEDULED": "PendingDeletion", "DESTROYED": "Deleted", "": "NoPrimaryVersion"}
