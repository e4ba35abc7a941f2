package transit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// TestRenewal: for a day a token of 15 minutes is renewed, and replaced before
// the server renews it no further. No request waits for a login or is refused.
func TestRenewal(t *testing.T) {
	r := startLogin(t, transitfake.Login{Method: "approle", Lease: 900, MaxTTL: 4 * 3600})
	synctest.Test(t, func(t *testing.T) {
		p := r.direct(t)
		defer p.Close()
		var calls []hsm.Call
		ctx := hsm.WithObserver(t.Context(), func(c hsm.Call) { calls = append(calls, c) })
		for range 24 * 60 {
			if _, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		log := r.Requests()
		renewals := 0
		for _, q := range log {
			if q.Path == "/v1/auth/token/renew-self" {
				renewals++
			}
		}
		if n := logins(log); n < 6 || n > 9 || renewals < 80 || renewals > 400 {
			t.Errorf("%d logins and %d renewals in a day of 4-hour tokens", n, renewals)
		}
		for _, c := range calls[1:] { // the first is the login
			if c.Operation != "encrypt" || c.RequestID == "" {
				t.Fatalf("a caller waited for %s", c.Operation)
			}
		}
	})
}

// TestLoginFailsWhileTokenServes: what fails ahead of a token's end ends
// nothing, and what a refused secret costs is one login.
func TestLoginFailsWhileTokenServes(t *testing.T) {
	for _, how := range []string{"the login answers 500", "the login is refused"} {
		t.Run(how, func(t *testing.T) {
			r := startLogin(t, transitfake.Login{Method: "approle", Lease: 600, MaxTTL: 600})
			synctest.Test(t, func(t *testing.T) {
				p := r.direct(t)
				defer p.Close()
				ask := func() error {
					_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
					return err
				}
				if err := ask(); err != nil {
					t.Fatal(err)
				}
				r.Requests()
				repair := breakLogin(t, r, how)
				for range 59 {
					time.Sleep(10 * time.Second)
					if err := ask(); err != nil {
						t.Fatalf("the token is good: %v", err)
					}
				}
				if n := logins(r.Requests()); how == "the login is refused" && n != 1 {
					t.Errorf("%d logins with a secret that was refused, want 1", n)
				}
				time.Sleep(20 * time.Second)
				if err := ask(); err == nil {
					t.Error("a token served beyond its end")
				}
				repair()
				if err := ask(); err != nil {
					t.Errorf("once a login is answered: %v", err)
				}
			})
		})
	}
}

func breakLogin(t *testing.T, r loginRig, how string) (repair func()) {
	if how == "the login is refused" {
		r.write(t, "stale-secret")
		return func() { r.write(t, "first-secret") }
	}
	r.Do(func() { r.LoginFails = true })
	return func() { r.Do(func() { r.LoginFails = false }) }
}

// TestCloseEndsRenewal: nothing is asked for a KEK that is closed.
func TestCloseEndsRenewal(t *testing.T) {
	r := startLogin(t, transitfake.Login{Method: "jwt", Lease: 60})
	synctest.Test(t, func(t *testing.T) {
		p := r.direct(t)
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 2 {
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		}
		r.Requests()
		time.Sleep(time.Hour)
		if log := r.Requests(); len(log) != 0 {
			t.Errorf("%d requests after the end", len(log))
		}
	})
}
