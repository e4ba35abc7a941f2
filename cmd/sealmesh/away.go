package main

import (
	"context"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// awayEvery is how often a KEK that could not be opened is tried again, give or take awaySpread.
const (
	awayEvery  = 30 * time.Second
	awaySpread = 0.5
)

// reportAway says that key goes on without some of its KEKs.
func (r *reloader) reportAway(key *hsm.Key) {
	for _, a := range key.Unavailable {
		r.log.Error("a KEK is away: the key goes on without it, and it is tried again", "key", key.Name, "kek", a.URI,
			"error", a.Err.Error(), "open", len(key.KEKs), "quorum", key.Quorum)
	}
}

// tryAway tries them once. A key with one that is back is renewed: it is opened whole,
// proven, and put in place with all its KEKs, and other keys keep their data keys.
func (r *reloader) tryAway(ctx context.Context) {
	k, p, drop := r.hold()
	defer drop()
	var back []string
	for _, key := range k.of(p) {
		if r.anyBack(ctx, key) {
			back = append(back, key.Name)
		}
	}
	if len(back) == 0 {
		return
	}
	if err := r.renew(ctx, back); err != nil {
		r.log.Error("a KEK is back, but its key could not be opened anew", "keys", back, "error", err.Error())
		return
	}
	r.log.Info("a KEK is back", "keys", back)
}

// anyBack reports whether a KEK of key that was away can be opened.
func (r *reloader) anyBack(ctx context.Context, key *hsm.Key) bool {
	back := false
	for _, a := range key.Unavailable {
		kek, err := openKEK(ctx, a.URI, r.opening())
		if err == nil {
			err = kek.Close()
			back = true
		}
		if err != nil && ctx.Err() == nil {
			r.log.Warn("a KEK is still away", "key", key.Name, "kek", a.URI, "error", err.Error())
		}
	}
	return back
}

// renew puts the policy in place once more, with the keys of those names opened anew.
func (r *reloader) renew(ctx context.Context, names []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.server.Runtime().Policy()
	rt, err := r.build(ctx, p, names...)
	if err != nil {
		return err
	}
	r.server.Swap(rt)
	return nil
}
