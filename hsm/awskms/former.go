package awskms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sealmesh/sealmesh/hsm"
)

// KMS keeps no history of an alias, and a record names its key by a hash. So the keys
// that an alias stood for before are named by former=, and asked to unwrap alone.

// maxFormer bounds former=.
const maxFormer = 16

// A former is a key that an alias stood for before. It is opened when a record asks for
// it: one that is disabled by now keeps nothing else from starting.
type former struct {
	settings settings
	client   aws.HTTPClient
	opened   atomic.Pointer[Provider]
}

// Former returns the keys that the alias of the URI stood for before, as former= names them.
func (p *Provider) Former() []hsm.KEK {
	keks := formerKEKs(p.settings)
	for i := range keks {
		keks[i].Provider = &former{settings: p.settings.asFormer(i), client: p.client}
	}
	return keks
}

// Targets returns the keys that uri itself names, without a provider: the key, or of an
// alias its former targets. It asks nobody, so of an alias it cannot tell the present one.
func Targets(uri string) ([]hsm.KEK, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if s.key.isAlias() {
		return formerKEKs(s), nil
	}
	return []hsm.KEK{{URI: uri, Kind: Kind, Identity: s.key.identity()}}, nil
}

func formerKEKs(s settings) []hsm.KEK {
	keks := make([]hsm.KEK, len(s.former))
	for i, key := range s.former {
		keks[i] = hsm.KEK{URI: Kind + ":///" + key.String(), Kind: Kind, Identity: key.identity()}
	}
	return keks
}

// asFormer returns the settings of a former target. One that is no multi-Region key is
// in the alias's own Region alone.
func (s settings) asFormer(i int) settings {
	if s.key, s.former = s.former[i], nil; !s.key.isMultiRegion() {
		s.regions = []string{s.key.region}
	}
	return s
}

// parseFormer reads former=: keys of the alias's own account and Region, which is where KMS
// lets an alias point to.
func (s *settings) parseFormer(value string) error {
	for text := range strings.SplitSeq(value, ",") {
		key, err := parseARN(text)
		if err != nil {
			return fmt.Errorf("option former: %w", err)
		}
		s.former = append(s.former, key)
	}
	return nil
}

func (s *settings) checkFormer() error {
	switch {
	case len(s.former) == 0:
		return nil
	case !s.key.isAlias():
		return errors.New("option former is for an alias: list several KEKs in place of it")
	case len(s.former) > maxFormer:
		return fmt.Errorf("option former: at most %d keys", maxFormer)
	}
	for i, key := range s.former {
		alias := key
		alias.resource = s.key.resource
		if key.isAlias() || alias != s.key || slices.Contains(s.former[:i], key) {
			return fmt.Errorf("option former: %s is no key of the alias's own account and Region, or is there twice", key)
		}
	}
	return nil
}

// provider opens the key, unless that has been done.
func (f *former) provider(ctx context.Context) (*Provider, error) {
	if p := f.opened.Load(); p != nil {
		return p, nil
	}
	p, err := open(ctx, f.settings, f.client)
	if err == nil {
		f.opened.Store(p)
	}
	return p, err
}

var errFormer = &hsm.Error{Class: hsm.Unsupported, Provider: Kind, Operation: "WrapDataKey",
	Err: errors.New("a key that the alias stood for before wraps nothing new")}

// GenerateDataKey is refused: what is new is wrapped by the alias's present target.
func (f *former) GenerateDataKey(context.Context, hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	return nil, nil, errFormer
}

// WrapDataKey is refused as well.
func (f *former) WrapDataKey(context.Context, *hsm.Secret, hsm.EncryptionContext) ([]byte, error) {
	return nil, errFormer
}

// UnwrapDataKey is as of any key, while that is enabled.
func (f *former) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	p, err := f.provider(ctx)
	if err != nil {
		return nil, err
	}
	return p.UnwrapDataKey(ctx, wrapped, ec)
}

// Describe says what the key is now.
func (f *former) Describe(ctx context.Context) (hsm.Description, error) {
	p, err := f.provider(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	return p.Describe(ctx)
}
