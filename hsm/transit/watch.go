package transit

import (
	"context"
	"time"

	"github.com/openbao/openbao/api/v2"
)

// againAfter is how long a login waits that failed while the token still serves.
const againAfter = 10 * time.Second

// watch renews the token that got holds, and replaces it when the server renews it
// no further. It ends the watch of the token before. Its caller has the turn.
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

// prolong takes the lease of a renewal of token, unless another one serves by now.
func (l *login) prolong(token string, renewed *api.RenewOutput) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lease := renewed.Secret.Auth.LeaseDuration; l.token == token && lease > 0 {
		l.until = renewed.RenewedAt.Add(time.Duration(lease) * time.Second)
	}
}

// replace logs in before the token ends. While that fails the token serves on: a
// login that is refused, or a server that is out, ends no token that is good.
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
