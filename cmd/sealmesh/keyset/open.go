// Package keyset opens what the keys of a policy name: KEKs and stores of
// wrapped data keys. It also checks KEKs against the policy's requirements.
package keyset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const (
	// openTimeout bounds the opening of one KEK. It is longer than a provider
	// needs, including its retries, to report a KMS that does not respond.
	openTimeout = 20 * time.Second
	// openParallel is how many KEKs are opened at once.
	openParallel = 16
)

// Open opens the KEKs of keys and checks them against their requirements. A KEK
// that is unavailable, or whose answer is unclear, goes to Key.Unavailable if
// the key has enough other KEKs; otherwise Open fails. The caller closes the
// keys.
func Open(ctx context.Context, keys []policy.Key, opt builtin.Options) ([]*hsm.Key, error) {
	opened := OpenAll(ctx, keys, opt)
	violations, unavailable := Check(ctx, keys, opened)
	for _, key := range opened {
		setAside(key, unavailable[key.Name])
	}
	errs := []error{violations.Err()}
	for _, key := range opened {
		errs = append(errs, checkUsable(key))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, Close(opened))
	}
	return opened, nil
}

// OpenAll opens the KEKs of keys in parallel. Every KEK that cannot be opened,
// for whatever reason, goes to Key.Unavailable. The caller closes the keys.
func OpenAll(ctx context.Context, keys []policy.Key, opt builtin.Options) []*hsm.Key {
	opened := make([]*hsm.Key, len(keys))
	for i, k := range keys {
		opened[i] = k.Unopened()
	}
	slots := make(chan struct{}, openParallel)
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() { openKEKs(ctx, opened[i], k.KEKs, opt, slots) })
	}
	wg.Wait()
	return opened
}

func openKEKs(ctx context.Context, key *hsm.Key, uris []string, opt builtin.Options, slots chan struct{}) {
	keks, errs := make([]hsm.KEK, len(uris)), make([]error, len(uris))
	var wg sync.WaitGroup
	for i, uri := range uris {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			keks[i], errs[i] = OpenKEK(ctx, uri, opt)
		})
	}
	wg.Wait()
	for i, uri := range uris {
		if errs[i] != nil {
			key.Unavailable = append(key.Unavailable, hsm.UnavailableKEK{URI: uri, At: time.Now(), Err: errs[i]})
			continue
		}
		key.KEKs = append(key.KEKs, keks[i])
	}
}

// OpenKEK opens the KEK at uri, in at most openTimeout.
func OpenKEK(ctx context.Context, uri string, opt builtin.Options) (hsm.KEK, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return builtin.Open(ctx, uri, opt)
}

// setAside closes the KEKs of key that are in unavailable, by URI, and moves
// them to key.Unavailable.
func setAside(key *hsm.Key, unavailable map[string]error) {
	key.KEKs = slices.DeleteFunc(key.KEKs, func(kek hsm.KEK) bool {
		err := unavailable[kek.URI]
		if err != nil {
			key.Unavailable = append(key.Unavailable, hsm.UnavailableKEK{URI: kek.URI, At: time.Now(), Err: errors.Join(err, kek.Close())})
		}
		return err != nil
	})
}

// checkUsable returns why key cannot be used, or nil. A key can be used
// although some of its KEKs are unavailable or gave an unclear answer, as long
// as the others are enough. An error that only an operator can fix always
// fails: otherwise it would be found on the day when the KEK is needed.
func checkUsable(key *hsm.Key) error {
	var errs []error
	permanent := false
	for _, a := range key.Unavailable {
		errs = append(errs, fmt.Errorf("key %s: %w", key.Name, a.Err))
		permanent = permanent || !hsm.ClassOf(a.Err).Passing()
	}
	if permanent || !Enough(key) {
		return errors.Join(errs...)
	}
	return nil
}

// Enough reports whether key has as many open KEKs as it needs: its quorum, or
// one where no data key is wrapped.
func Enough(key *hsm.Key) bool {
	needed := key.Quorum
	if key.Use == hsm.OpenOnly || key.Record != nil {
		needed = 1
	}
	return len(key.KEKs) >= needed
}

// Close closes keys.
func Close(keys []*hsm.Key) error {
	var errs []error
	for _, k := range keys {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}
