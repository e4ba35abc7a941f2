package gcpkms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// Open fetches credentials, and makes sure that the key that uri names can be a
// KEK, as far as it may be read. The package documentation describes the URI.
func Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	p := &Provider{client: &client{
		endpoint: s.endpoint, key: s.key, location: s.location, timeout: s.timeout, http: rest.Client(nil),
		quotaProject: cmp.Or(s.quotaProject, os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT")),
	}}
	if p.client.tokens, err = s.tokens(ctx); err != nil {
		return nil, err
	}
	if _, failed := p.client.tokens.get(ctx); failed != nil {
		return nil, failed
	}
	k, err := p.read(ctx)
	if err == nil {
		err = p.usable(k)
	}
	if e, ok := errors.AsType[*hsm.Error](err); ok && e.Class == hsm.Denied && e.Code == "PERMISSION_DENIED" && e.Err == nil {
		return p, nil // encrypters and decrypters may not read; the first use tells
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// cryptoKey is the part of the API's CryptoKey that is looked at.
type cryptoKey struct {
	Name     string  `json:"name"`
	Purpose  string  `json:"purpose"`
	Rotation string  `json:"rotationPeriod"` // "7776000s"
	Primary  version `json:"primary"`
	Template struct {
		Protection string `json:"protectionLevel"`
		Algorithm  string `json:"algorithm"`
	} `json:"versionTemplate"`
}

type version struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	Protection string `json:"protectionLevel"`
	Algorithm  string `json:"algorithm"`
}

func (p *Provider) read(ctx context.Context) (cryptoKey, error) {
	k, err := do(ctx, p.client, request{operation: "GetCryptoKey"}, func(k *cryptoKey) error {
		if k.Name != p.client.key {
			return errOtherKey
		}
		return nil
	})
	if err != nil {
		return cryptoKey{}, err
	}
	if k.Primary.Name != "" {
		primary := path.Base(k.Primary.Name)
		p.primary.Store(&primary)
	}
	return *k, nil
}

func (p *Provider) usable(k cryptoKey) error {
	no := func(class hsm.Class, hint, format string, args ...any) error {
		return p.client.fail(class, "Open", fmt.Errorf(format, args...), hint)
	}
	if k.Purpose != "ENCRYPT_DECRYPT" {
		return no(hsm.Misconfigured, "make a key with --purpose encryption", "the key's purpose is %.40q", k.Purpose)
	}
	if k.Primary.Name == "" {
		return no(hsm.Misconfigured, "make a version the primary one: `gcloud kms keys set-primary-version`", "the key has no primary version")
	}
	if v, ok := states[k.Primary.State]; ok {
		return no(v.class, v.hint, "the primary version is %s", k.Primary.State)
	}
	return nil
}

// Describe reports what the key is. It needs cloudkms.cryptoKeys.get.
//
// Origin is the protection level of the primary version: SOFTWARE, HSM, EXTERNAL
// or EXTERNAL_VPC, in Google's words.
func (p *Provider) Describe(ctx context.Context) (hsm.Description, error) {
	k, err := p.read(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	d := hsm.Description{
		Kind: Kind, KeyID: p.client.key, Manager: "customer",
		Origin: cmp.Or(k.Primary.Protection, k.Template.Protection),
		Spec:   cmp.Or(k.Primary.Algorithm, k.Template.Algorithm, "GOOGLE_SYMMETRIC_ENCRYPTION"),
		State:  cmp.Or(stateNames[k.Primary.State], k.Primary.State), Regions: []string{p.client.location}, Rotation: "disabled",
		Hints: map[string]string{"rotation": "set the rotation period so, with `gcloud kms keys update`", "regions": "a key is in one location for ever: make one there"},
	}
	if period, err := strconv.ParseFloat(strings.TrimSuffix(k.Rotation, "s"), 64); err == nil && period > 0 {
		d.Rotation, d.RotationDay = "enabled", max(1, int(time.Duration(period)*time.Second/(24*time.Hour)))
	}
	return d, nil
}

// stateNames are hsm's words for Google's.
var stateNames = map[string]string{"ENABLED": "Enabled", "DISABLED": "Disabled", "DESTROY_SCHEDULED": "PendingDeletion", "DESTROYED": "Deleted", "": "NoPrimaryVersion"}
