package transit

import (
	"context"
	"time"

	"github.com/openbao/openbao/api/v2"
)

// againAfter is the wait after a failed login while the token is still valid.
const againAfter = 10 * time.Second

// watch renews the token in got, and replaces it when the server no longer
// renews it. It stops the watch of the token before. The caller has the turn.
func (l *login) watch(c *client, got *api.Secret) {
	l.unwatch()
	l.unwatch = func() {}
	if got.Auth.LeaseDuration <= 0 {
		return // it serves for ever
	}
	watcher, err := c.api.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: got})
	if err != nil {
		return // only for want of a secret
	}
	ctx, end := context.WithCancel(c.life)
	l.unwatch = end
	go watcher.Start()
	go func() {
		defer end()
		defer watcher.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case renewed := <-watcher.RenewCh():
				l.prolong(got.Auth.ClientToken, renewed)
			case <-watcher.DoneCh():
				l.replace(ctx, c)
				return
			}
		}
	}()
}

// prolong records the lease of a renewal of token, unless another token has
// replaced it.
func (l *login) prolong(token string, renewed *api.RenewOutput) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lease := renewed.Secret.Auth.LeaseDuration; l.token == token && lease > 0 {
		l.until = renewed.RenewedAt.Add(time.Duration(lease) * time.Second)
	}
}

// replace logs in before the token ends. Until that succeeds the token stays in
// use: a refused login or an unavailable server does not end a valid token.
func (l *login) replace(ctx context.Context, c *client) {
	for {
		if l.take(ctx) != nil {
			return
		}
		_, err := l.logIn(ctx, c)
		l.give()
		if err == nil {
			return
		}
		timer := time.NewTimer(againAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if _, ok := l.serving(""); !ok {
			return // the next caller that needs a token logs in
		}
	}
}
