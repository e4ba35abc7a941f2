// Package builtin is the table of key back ends in this binary. No other
// package knows them all. A new back end is one folder below hsm and one line
// here.
package builtin

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms"
	"github.com/sealmesh/sealmesh/hsm/azurekv"
	"github.com/sealmesh/sealmesh/hsm/gcpkms"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/hsm/pkcs11"
	"github.com/sealmesh/sealmesh/hsm/transit"
)

// Options are what opening a KEK needs besides its URI.
type Options struct {
	// Dir is the policy file's folder, which a relative path in a URI starts from.
	// Empty is the working directory.
	Dir string
	// Logins are logins that several KEKs share; nil for none.
	Logins *transit.Logins
}

// A backend opens the KEKs of one kind. Every wrapped-key record contains its
// id, so an id is permanent and never reused.
type backend struct {
	kind string
	id   uint8
	open func(ctx context.Context, uri string, opt Options) (p hsm.Provider, identity string, err error)
}

// backends returns the table.
func backends() []backend {
	return []backend{
		{local.Kind, 1, openLocal},
		{awskms.Kind, 2, named(awskms.Open)},
		{pkcs11.Kind, 3, openPKCS11},
		{transit.Kind, 4, openTransit},
		{gcpkms.Kind, 5, named(gcpkms.Open)},
		{azurekv.Kind, 6, named(azurekv.Open)},
	}
}

// Kinds returns the kinds that [Open] knows, in order of their ids.
func Kinds() []string {
	var kinds []string
	for _, b := range backends() {
		kinds = append(kinds, b.kind)
	}
	return kinds
}

// ProviderID returns the permanent number of kind in wrapped-key records, and
// whether this binary knows it.
func ProviderID(kind string) (uint8, bool) {
	for _, b := range backends() {
		if b.kind == kind {
			return b.id, true
		}
	}
	return 0, false
}

// Open opens the KEK that uri names. The caller closes the provider if it is an
// [io.Closer]. Errors are [*hsm.Error].
func Open(ctx context.Context, uri string, opt Options) (hsm.KEK, error) {
	kind, _, ok := strings.Cut(uri, ":")
	for _, b := range backends() {
		if !ok || b.kind != kind {
			continue
		}
		p, identity, err := b.open(ctx, uri, opt)
		if err != nil {
			return hsm.KEK{}, err
		}
		kek := hsm.KEK{URI: uri, Kind: kind, ProviderID: b.id, Identity: identity, Provider: p}
		if s, ok := p.(hsm.Succeeding); ok {
			kek.Former = numbered(s.Former(), b.id)
		}
		return kek, nil
	}
	return hsm.KEK{}, &hsm.Error{
		Class: hsm.Misconfigured, Provider: "hsm", Operation: "Open",
		Err:  fmt.Errorf("%q names no key back end of this binary", uri),
		Hint: "a KEK reads kind:…, where kind is one of " + strings.Join(Kinds(), ", "),
	}
}

// Targets returns the KEKs that uri identifies by itself, without a provider:
// the key of an ARN and the former targets of an alias; none for other URIs. It
// makes no request.
func Targets(uri string) ([]hsm.KEK, error) {
	if !strings.HasPrefix(uri, awskms.Kind+":") {
		return nil, nil
	}
	keks, err := awskms.Targets(uri)
	id, _ := ProviderID(awskms.Kind)
	return numbered(keks, id), err
}

func numbered(keks []hsm.KEK, id uint8) []hsm.KEK {
	for i := range keks {
		keks[i].ProviderID = id
	}
	return keks
}

func openLocal(_ context.Context, uri string, opt Options) (hsm.Provider, string, error) {
	path, err := local.Path(uri, opt.Dir)
	if err != nil {
		return nil, "", err
	}
	p, err := local.Open(path)
	if err != nil {
		return nil, "", err
	}
	return p, p.Identity(), nil
}

// named adapts the Open of a back end whose provider knows its own identity.
func named[P interface {
	hsm.Provider
	Identity() string
}](open func(ctx context.Context, uri string) (P, error)) func(context.Context, string, Options) (hsm.Provider, string, error) {
	return func(ctx context.Context, uri string, _ Options) (hsm.Provider, string, error) {
		p, err := open(ctx, uri)
		if err != nil {
			return nil, "", err
		}
		return p, p.Identity(), nil
	}
}

func openTransit(ctx context.Context, uri string, opt Options) (hsm.Provider, string, error) {
	open := transit.Open
	if opt.Logins != nil {
		open = opt.Logins.Open
	}
	return named(open)(ctx, uri, opt)
}

func openPKCS11(ctx context.Context, uri string, _ Options) (hsm.Provider, string, error) {
	return pkcs11.Open(ctx, uri)
}
