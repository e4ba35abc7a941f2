package serve

import (
	"context"
	"log/slog"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
)

// A KEK that could not be opened is retried every kekRetryEvery, plus or minus
// kekRetrySpread.
const (
	kekRetryEvery  = 30 * time.Second
	kekRetrySpread = 0.5
)

// reportUnavailable logs the KEKs of key that are unavailable.
func (r *reloader) reportUnavailable(key *hsm.Key) {
	for _, u := range key.Unavailable {
		r.log.Error("KEK unavailable: the key works without it; retrying", "key", key.Name, "kek", u.URI,
			"error", u.Err.Error(), "open", len(key.KEKs), "quorum", key.Quorum)
	}
}

// retryUnavailable tries once to open the KEKs that are unavailable. A key with
// a KEK that can be opened again is reopened with all its KEKs, verified and
// put in force. Other keys keep their data keys.
func (r *reloader) retryUnavailable(ctx context.Context) {
	g, p, release := r.hold()
	defer release()
	var names []string
	for _, key := range g.keysOf(p) {
		if anyAvailable(ctx, key, r.kekOptions(), r.log) {
			names = append(names, key.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	if err := r.reopen(ctx, names); err != nil {
		r.log.Error("a KEK is available again, but its key could not be reopened", "keys", names, "error", err.Error())
		return
	}
	r.log.Info("a KEK is available again", "keys", names)
}

// anyAvailable reports whether an unavailable KEK of key can be opened now.
func anyAvailable(ctx context.Context, key *hsm.Key, opt builtin.Options, log *slog.Logger) bool {
	available := false
	for _, u := range key.Unavailable {
		kek, err := keyset.OpenKEK(ctx, u.URI, opt)
		if err == nil {
			err = kek.Close()
			available = true
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("KEK still unavailable", "key", key.Name, "kek", u.URI, "error", err.Error())
		}
	}
	return available
}

// reopen builds a new runtime for the policy in force, in which the keys of
// these names are opened again.
func (r *reloader) reopen(ctx context.Context, names []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.server.Runtime().Policy()
	rt, accept, err := r.build(ctx, p, names...)
	if err != nil {
		return err
	}
	r.server.Swap(rt)
	accept()
	return nil
}
