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

// KMS keeps no history of an alias, and a record names its key by a hash. So
// former= names the keys that an alias pointed to before. They only unwrap.

// maxFormer is the largest number of keys in former=.
const maxFormer = 16

// A former is a key that an alias pointed to before. It is opened when a record
// needs it: a former key that is disabled by now prevents nothing else from
// starting.
type former struct {
	settings settings
	client   aws.HTTPClient
	opened   atomic.Pointer[Provider]
}

// Former returns the keys that the alias of the URI pointed to before, from
// former=.
func (p *Provider) Former() []hsm.KEK {
	keks := formerKEKs(p.settings)
	for i := range keks {
		keks[i].Provider = &former{settings: p.settings.asFormer(i), client: p.client}
	}
	return keks
}

// Targets returns the keys that uri itself names, without a provider: the key,
// or the former targets of an alias. It makes no request, so it does not know
// an alias's present target.
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

// asFormer returns the settings of a former target. A key that is not
// multi-Region is only in the alias's own Region.
func (s settings) asFormer(i int) settings {
	if s.key, s.former = s.former[i], nil; !s.key.isMultiRegion() {
		s.regions = []string{s.key.region}
	}
	return s
}

// parseFormer parses former=: keys of the alias's own account and Region, which
// is all that KMS lets an alias point to.
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

// provider returns the key's provider. The first call opens it.
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

// GenerateDataKey is refused: the alias's present target wraps new data keys.
func (f *former) GenerateDataKey(context.Context, hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	return nil, nil, errFormer
}

// WrapDataKey is refused like GenerateDataKey.
func (f *former) WrapDataKey(context.Context, *hsm.Secret, hsm.EncryptionContext) ([]byte, error) {
	return nil, errFormer
}

// UnwrapDataKey works like that of any key, as long as the key is enabled.
func (f *former) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	p, err := f.provider(ctx)
	if err != nil {
		return nil, err
	}
	return p.UnwrapDataKey(ctx, wrapped, ec)
}

// Describe reports the key as it is now.
func (f *former) Describe(ctx context.Context) (hsm.Description, error) {
	p, err := f.provider(ctx)
	if err != nil {
		return hsm.Description{}, err
	}
	return p.Describe(ctx)
}
