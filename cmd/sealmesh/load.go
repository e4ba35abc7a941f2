package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A sum tells whether anything that a policy was made from has changed: its file,
// and the files that it names by ${file:…}.
type sum [sha256.Size]byte

// readPolicy loads and compiles the policy file at path.
func readPolicy(path string) (*policy.Policy, error) {
	p, _, err := loadPolicy(path)
	return p, err
}

// loadPolicy is readPolicy, with the sum of what it read, also where that is no policy.
func loadPolicy(path string) (*policy.Policy, sum, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, sum{}, fmt.Errorf("policy: %w", err)
	}
	all := sha256.New()
	add := func(b []byte) {
		part := sha256.Sum256(b)
		all.Write(part[:])
	}
	add(src)
	dir := filepath.Dir(path)
	p, err := policy.Load(path, src, os.LookupEnv, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		b, err := os.ReadFile(name)
		add(b)
		return b, err
	})
	return p, sum(all.Sum(nil)), err
}

// openKeyring opens every KEK that p names. dir is the policy file's folder, which
// relative paths are below.
func openKeyring(ctx context.Context, p *policy.Policy, dir string) (*hsm.Keyring, error) {
	var keys []*hsm.Key
	fail := func(err error) (*hsm.Keyring, error) {
		closeKeys(keys)
		return nil, err
	}
	for _, k := range p.Keys {
		key, err := openKey(ctx, k, dir)
		if key != nil {
			keys = append(keys, key)
		}
		if err != nil {
			return fail(fmt.Errorf("key %s: %w", k.Name, err))
		}
	}
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		return fail(err)
	}
	return ring, nil
}

func openKey(ctx context.Context, k policy.Key, dir string) (*hsm.Key, error) {
	ec, err := hsm.NewEncryptionContext(k.Context)
	if err != nil {
		return nil, err
	}
	key := &hsm.Key{
		Name: k.Name, Context: ec, Quorum: k.Quorum, Use: hsm.Use(k.Use),
		Rotate: hsm.Rotate(k.Rotate), Cache: hsm.Bounds(k.Cache),
	}
	if k.Record != "" {
		key.Record = []byte(k.Record)
	}
	for _, uri := range k.KEKs {
		kek, err := builtin.Open(ctx, uri, builtin.Options{Dir: dir})
		if err != nil {
			return key, err
		}
		key.KEKs = append(key.KEKs, kek)
	}
	return key, nil
}

func closeKeys(keys []*hsm.Key) {
	for _, k := range keys {
		if len(k.KEKs) == 0 {
			continue
		}
		k.Quorum = 1
		if ring, err := hsm.NewKeyring(k); err == nil {
			_ = ring.Close()
		}
	}
}

// sameKeys reports whether b can go on with the data keys of a.
func sameKeys(a, b *policy.Policy) bool {
	return slices.EqualFunc(a.Keys, b.Keys, func(x, y policy.Key) bool {
		return x.Name == y.Name && x.Quorum == y.Quorum && x.Use == y.Use && x.Record == y.Record &&
			x.Store == y.Store && x.StoreRefuse == y.StoreRefuse &&
			x.Rotate == y.Rotate && x.Cache == y.Cache && reflect.DeepEqual(x.Require, y.Require) &&
			slices.Equal(x.KEKs, y.KEKs) && maps.Equal(x.Context, y.Context)
	})
}
