package main

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
	// openPatience bounds the opening of one KEK. It is more than its provider takes, tries
	// and all, when its KMS does not answer.
	openPatience = 20 * time.Second
	// openParallel is how many KEKs are opened at once.
	openParallel = 16
)

// openKeys opens the KEKs of keys, and holds them against what is required of them. A
// KEK that gives no clear answer is left away, where its key has others enough. The caller
// closes the keys.
func openKeys(ctx context.Context, keys []policy.Key, opt builtin.Options) ([]*hsm.Key, error) {
	opened := openEach(ctx, keys, opt)
	differing, away := require(ctx, keys, opened)
	for _, key := range opened {
		setAside(key, away[key.Name])
	}
	errs := []error{differing.err()}
	for _, key := range opened {
		errs = append(errs, usable(key))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, closeKeys(opened))
	}
	return opened, nil
}

// openEach opens the KEKs of keys, all at the same time, and leaves each away that cannot
// be opened, whatever the reason.
func openEach(ctx context.Context, keys []policy.Key, opt builtin.Options) []*hsm.Key {
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
			keks[i], errs[i] = openKEK(ctx, uri, opt)
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

func openKEK(ctx context.Context, uri string, opt builtin.Options) (hsm.KEK, error) {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	return builtin.Open(ctx, uri, opt)
}

// setAside closes those KEKs of key that are away, and says so.
func setAside(key *hsm.Key, away map[string]error) {
	key.KEKs = slices.DeleteFunc(key.KEKs, func(kek hsm.KEK) bool {
		err := away[kek.URI]
		if err != nil {
			key.Unavailable = append(key.Unavailable, hsm.UnavailableKEK{URI: kek.URI, At: time.Now(), Err: errors.Join(err, kek.Close())})
		}
		return err != nil
	})
}

// usable says why key cannot be used, or nil. An outage of some KEKs, or an unclear
// answer, is no reason while the others make a quorum, or one of them where nothing new
// is wrapped. What only an operator can fix is one at once: it would otherwise be found
// on the day that the KEK is needed.
func usable(key *hsm.Key) error {
	var errs []error
	broken := false
	for _, a := range key.Unavailable {
		errs = append(errs, fmt.Errorf("key %s: %w", key.Name, a.Err))
		broken = broken || !hsm.ClassOf(a.Err).Passing()
	}
	if broken || len(key.KEKs) < needed(key) {
		return errors.Join(errs...)
	}
	return nil
}

// needed is how many KEKs of key must answer.
func needed(key *hsm.Key) int {
	if key.Use == hsm.OpenOnly || key.Record != nil {
		return 1
	}
	return key.Quorum
}

func closeKeys(keys []*hsm.Key) error {
	var errs []error
	for _, k := range keys {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}
