package keycache

import (
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// Defaults of [Options], [hsm.Rotate] and [hsm.TTLs].
const (
	// DefaultMaxKeys bounds the data keys held for opening. One costs about 3 KiB,
	// and up to 50 KiB more when values of many writers (64 XAES prefixes) are
	// read under it.
	DefaultMaxKeys = 16_384
	// DefaultParallel bounds the provider calls in flight to one KEK of a key:
	// those that unwrap for envelopes, and all others.
	DefaultParallel = 64
	// DefaultTimeout bounds the provider calls that one data key may take.
	DefaultTimeout = 5 * time.Second

	DefaultSoft = 5 * time.Minute
	DefaultHard = time.Hour

	DefaultRotateAge   = 24 * time.Hour
	DefaultRotateUses  = 1 << 31
	DefaultRotateBytes = 1 << 50 // 2^46 blocks: GCM's distinguishing advantage stays below 2^-36
)

// resolve fills in the defaults of a key's TTLs and rotation, and checks them.
func resolve(k *hsm.Key) (hsm.Rotate, hsm.TTLs, error) {
	r, b := k.Rotate, k.Cache
	r.Age = orDefault(r.Age, DefaultRotateAge)
	r.Uses = orDefault(r.Uses, DefaultRotateUses)
	r.Bytes = orDefault(r.Bytes, DefaultRotateBytes)
	b.Soft = orDefault(b.Soft, DefaultSoft)
	b.Hard = orDefault(b.Hard, max(DefaultHard, b.Soft))
	if r.Age < 0 || b.Soft < 0 || b.Hard < b.Soft {
		return r, b, fmt.Errorf("key %q: rotate.age and cache.soft must not be negative, and cache.hard (%v) not below cache.soft (%v)", k.Name, b.Hard, b.Soft)
	}
	return r, b, nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
