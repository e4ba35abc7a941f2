package awskms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealmesh/sealmesh/hsm"
)

// A region is the KEK, or a replica of it, in one Region.
type region struct {
	key         keyARN
	client      *kms.Client
	grantTokens []string
	health      health
}

// A try is the part of one Region in one operation.
type try struct {
	*region
	probe bool
}

// An operation is one KMS request, to whichever Region answers.
type operation[T any] struct {
	name string
	call func(ctx context.Context, r *region, opts ...func(*kms.Options)) (T, error)
}

// do asks the Regions in turn. After an outage or an unclear answer it asks the
// next Region, since that one may give a clear answer. If every Region was
// asked and one was unclear, the result is unclear.
//
//   - Denied is final. Key policies, grants and states are per Region, so the
//     laxest Region would decide, and a key that was disabled to revoke it
//     would remain usable through a replica.
//   - Corrupt is final. Replicas hold the same key, so the answer is the same.
func do[T any](ctx context.Context, p *Provider, op operation[T]) (T, error) {
	tries := p.plan(time.Now())
	var failures []*hsm.Error
	for i, t := range tries {
		out, err := attempt(ctx, p, op, t, len(tries)-i)
		if err == nil {
			t.health.succeeded()
			return out, nil
		}
		if !inconclusive(err) {
			// The Region answered, so it works.
			t.health.succeeded()
			return out, err
		}
		if ctx.Err() != nil { // the caller's doing, not the Region's
			return out, err
		}
		t.health.failed(time.Now())
		failures = append(failures, err)
	}
	var none T
	return none, merge(p, op.name, failures)
}

// inconclusive reports whether another Region may give a better answer.
func inconclusive(err *hsm.Error) bool {
	return err.Class == hsm.Unavailable || err.Class == hsm.Unclear
}

// attempt gives t its share of the caller's time, so that a Region that drops
// packets leaves enough for the next. The last Region gets all that remains.
func attempt[T any](ctx context.Context, p *Provider, op operation[T], t try, left int) (T, *hsm.Error) {
	var opts []func(*kms.Options)
	share := ctx
	if left > 1 {
		budget := p.timeout
		if deadline, ok := ctx.Deadline(); ok {
			budget = min(budget, time.Until(deadline)/time.Duration(left))
		}
		if t.probe {
			budget = min(budget, probeTimeout)
			opts = append(opts, func(o *kms.Options) { o.RetryMaxAttempts = 1 })
		}
		var cancel context.CancelFunc
		share, cancel = context.WithTimeout(ctx, budget)
		defer cancel()
	}
	out, err := op.call(share, t.region, opts...)
	if err != nil {
		return out, t.explain(share, classify(share, op.name, t.key.String(), err))
	}
	return out, nil
}

// plan orders the Regions for one operation: first a preferred Region that is
// due for a probe, then the Regions that are up, then the rest, since trying
// beats failing.
func (p *Provider) plan(now time.Time) []try {
	var up, down []try
	for _, r := range p.regions {
		if r.health.isUp() {
			up = append(up, try{region: r})
		} else {
			down = append(down, try{region: r})
		}
	}
	if len(up) == 0 {
		return down
	}
	for i, t := range down {
		if p.prefers(t.region, up[0].region) && t.health.claimProbe(now) {
			rest := append(down[:i:i], down[i+1:]...)
			return append(append([]try{{t.region, true}}, up...), rest...)
		}
	}
	return append(up, down...)
}

// prefers reports whether a comes before b in the configured order.
func (p *Provider) prefers(a, b *region) bool {
	for _, r := range p.regions {
		if r == a || r == b {
			return r == a
		}
	}
	return false
}

// merge makes one error of the failures in all Regions. The first failure of
// the class that counts gives the request id and the hint; the text names all.
func merge(p *Provider, operation string, failures []*hsm.Error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	counts := failures[0]
	texts := make([]string, len(failures))
	for i, f := range failures {
		texts[i] = fmt.Sprintf("%s: %s %v", regionOf(f.KeyID), f.Code, f.Err)
		if f.Class == hsm.Unclear && counts.Class != hsm.Unclear {
			counts = f
		}
	}
	whole := *counts
	whole.Operation, whole.KeyID = operation, p.identity
	whole.Code, whole.Err = "", errors.New(strings.Join(texts, "; "))
	return &whole
}

func regionOf(arn string) string {
	a, err := parseARN(arn)
	if err != nil {
		return arn
	}
	return a.region
}
