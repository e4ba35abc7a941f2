package awskms

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

const (
	west    = "eu-west-1"
	central = "eu-central-1"
)

// twoRegions is one multi-Region key, west preferred to central.
type twoRegions struct {
	*testing.T
	*kmsfake.Server
	*Provider
	primary, replica string
}

func inTwoRegions(t *testing.T, run func(twoRegions)) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		s := kmsfake.New()
		primary := s.CreateKey(kmsfake.Key{Region: west, MultiRegion: true})
		replica := s.Replicate(primary, central)
		run(twoRegions{t, s, openDirect(t, s, primary, "&regions="+west+","+central), primary, replica})
	})
}

// ask makes one call and wants it to reach each Region that many times.
func (r twoRegions) ask(what string, inWest, inCentral int) {
	r.Helper()
	r.Forget()
	if _, _, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{}); err != nil {
		r.Fatalf("%s: %v", what, err)
	}
	if w, c := count(r.Calls(), "GenerateDataKey", west), count(r.Calls(), "GenerateDataKey", central); w != inWest || c != inCentral {
		r.Fatalf("%s: %d calls in %s and %d in %s, want %d and %d", what, w, west, c, central, inWest, inCentral)
	}
}

// TestFailover follows one Region through an outage, a relapse and recovery.
func TestFailover(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		r.ask("all is well", 1, 0)
		up := r.Inject(kmsfake.Fault{Region: west, Code: "KMSInternalException"})
		r.ask("west fails", 3, 1)
		r.ask("west is left alone", 0, 1)
		time.Sleep(cooldown - time.Millisecond)
		r.ask("still", 0, 1)
		time.Sleep(time.Millisecond)
		r.ask("a probe has one try", 1, 1)
		r.ask("and then not again", 0, 1)

		up()
		time.Sleep(cooldown)
		r.ask("a probe is answered", 1, 0)
		r.ask("one answer is not trust", 0, 1)
		time.Sleep(probeEvery)
		r.ask("a second answer", 1, 0)

		up = r.Inject(kmsfake.Fault{Region: west, Code: "ThrottlingException"})
		time.Sleep(probeEvery)
		r.ask("a relapse", 1, 1)
		up()
		time.Sleep(probeEvery)
		r.ask("starts over", 0, 1)
		time.Sleep(cooldown - probeEvery)
		for i := range probesToTrust {
			r.ask("probe", 1, 0)
			if i < probesToTrust-1 {
				r.ask("in between", 0, 1)
				time.Sleep(probeEvery)
			}
		}
		r.ask("trusted again", 1, 0)
		r.ask("for good", 1, 0)
	})
}

// TestBlackHole: a Region that swallows packets leaves time for the next.
func TestBlackHole(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		r.Inject(kmsfake.Fault{Region: west, Hang: true})
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := r.GenerateDataKey(ctx, hsm.EncryptionContext{}); err != nil {
			r.Fatal(err)
		}
		if took := time.Since(start); took != 500*time.Millisecond {
			r.Errorf("took %v, want half of the caller's second", took)
		}
		time.Sleep(cooldown)
		start = time.Now()
		if _, _, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{}); err != nil {
			r.Fatal(err)
		}
		if took := time.Since(start); took != probeTimeout {
			r.Errorf("a probe took %v, want %v", took, probeTimeout)
		}
	})
}

// TestNoFailover: neither a refusal nor a wrong wrap moves on.
func TestNoFailover(t *testing.T) {
	for code, want := range map[string]hsm.Class{
		"AccessDeniedException": hsm.Denied, "DisabledException": hsm.Denied,
		"InvalidCiphertextException": hsm.Corrupt, "NotFoundException": hsm.Denied,
	} {
		inTwoRegions(t, func(r twoRegions) {
			r.Inject(kmsfake.Fault{Region: west, Code: code})
			_, err := r.UnwrapDataKey(r.Context(), make([]byte, 184), hsm.EncryptionContext{})
			if err == nil || hsm.ClassOf(err) != want {
				r.Errorf("%s: got %v, want class %v", code, err, want)
			}
			if n := count(r.Calls(), "Decrypt", central); n != 0 {
				r.Errorf("%s: asked the next Region too", code)
			}
		})
	}
	inTwoRegions(t, func(r twoRegions) {
		r.SetState(r.primary, kmsfake.Disabled) // a revocation; the replica still works
		if _, _, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Denied {
			r.Errorf("a key that was disabled in the preferred Region: %v", err)
		}
	})
}

// TestUnclearRegion: the next Region says what this one did not, and what two
// of them say is never better than what the worse one said.
func TestUnclearRegion(t *testing.T) {
	const unclear, out, denied = "InvalidSignatureException", "KMSInternalException", "AccessDeniedException"
	for _, c := range []struct {
		west, central string
		want          hsm.Class // 0: it succeeds
	}{
		{unclear, "", 0},
		{unclear, unclear, hsm.Unclear},
		{unclear, out, hsm.Unclear},
		{out, unclear, hsm.Unclear},
		{unclear, denied, hsm.Denied},
		{denied, unclear, hsm.Denied},
		{out, denied, hsm.Denied},
	} {
		inTwoRegions(t, func(r twoRegions) {
			for region, code := range map[string]string{west: c.west, central: c.central} {
				if code != "" {
					r.Inject(kmsfake.Fault{Region: region, Code: code})
				}
			}
			_, _, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{})
			if (err == nil) != (c.want == 0) || err != nil && hsm.ClassOf(err) != c.want {
				r.Errorf("%s in the first Region, %s in the second: %v, want %v", c.west, c.central, err, c.want)
			}
			if c.want == 0 {
				r.ask("and the Region that was unclear is left alone", 0, 1)
			}
		})
	}
}

func TestAllRegionsOut(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		up := r.Inject(kmsfake.Fault{Code: "ServiceUnavailableException", Message: "out"})
		_, _, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{})
		if err == nil || hsm.ClassOf(err) != hsm.Unavailable {
			r.Fatalf("got %v", err)
		}
		for _, region := range []string{west, central} {
			if !strings.Contains(err.Error(), region) {
				r.Errorf("%q does not mention %s", err, region)
			}
		}
		up()
		r.ask("trying beats failing", 1, 0)
	})
}

// TestCallerGone: a caller that gave up says nothing of the Region.
func TestCallerGone(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		up := r.Inject(kmsfake.Fault{Region: west, Hang: true})
		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, _, err := r.GenerateDataKey(ctx, hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Unavailable {
			r.Fatalf("got %v", err)
		}
		for _, region := range r.regions {
			if !region.health.isUp() {
				r.Errorf("%s is held to be out", region.key.region)
			}
		}
		up()
		r.ask("west is still preferred", 1, 0)
	})
}

// TestReplicaOpens: a wrap from one Region opens in the other, and the key's
// identity does not depend on which one a policy names.
func TestReplicaOpens(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		secret, wrapped, err := r.GenerateDataKey(r.Context(), hsm.EncryptionContext{})
		if err != nil {
			r.Fatal(err)
		}
		there := openDirect(r.T, r.Server, r.replica, "")
		if there.Identity() != r.Identity() || strings.Contains(there.Identity(), central) {
			r.Errorf("identities %s and %s", r.Identity(), there.Identity())
		}
		again, err := there.UnwrapDataKey(r.Context(), wrapped, hsm.EncryptionContext{})
		if err != nil {
			r.Fatal(err)
		}
		secret.Expose(func(a []byte) {
			again.Expose(func(b []byte) {
				if string(a) != string(b) {
					r.Error("the replica gave another key")
				}
			})
		})
	})
}

// TestObserved: each try is a call, with its Region and its own request id.
func TestObserved(t *testing.T) {
	inTwoRegions(t, func(r twoRegions) {
		r.Inject(kmsfake.Fault{Region: west, Code: "KMSInternalException"})
		var got []hsm.Call
		ctx := hsm.WithObserver(r.Context(), func(c hsm.Call) { got = append(got, c) })
		if _, _, err := r.GenerateDataKey(ctx, hsm.EncryptionContext{}); err != nil {
			r.Fatal(err)
		}
		calls := r.Calls()
		if len(got) != 4 || len(calls) != 4 {
			r.Fatalf("observed %d of %d calls, want 4", len(got), len(calls))
		}
		for i, c := range got {
			if c.RequestID == "" || c.RequestID != calls[i].RequestID || c.Region != calls[i].Region || c.Operation != "GenerateDataKey" {
				r.Errorf("call %d observed as %+v, was %+v", i, c, calls[i])
			}
			if failed := c.Err != nil; failed != (c.Region == west) || !strings.Contains(c.KeyID, c.Region) {
				r.Errorf("call %d observed as %+v", i, c)
			}
		}
	})
}
