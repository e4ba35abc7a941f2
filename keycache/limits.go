package keycache

import (
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// Defaults of [Options], [hsm.Rotate] and [hsm.TTLs].
const (
	// DefaultMaxKeys bounds the data keys held for opening. One costs about 3 KiB, and
	// up to 50 KiB more when values of many writers (64 XAES prefixes) are read under it.
	DefaultMaxKeys = 16_384
	// DefaultParallel bounds the provider calls in flight to one KEK of a key, those that
	// unwrap for envelopes and the others each.
	DefaultParallel = 64
	// DefaultTimeout bounds the provider calls that one data key may take.
	DefaultTimeout = 5 * time.Second

	DefaultSoft = hsm.DefaultSoft
	DefaultHard = hsm.DefaultHard

	DefaultRotateAge   = 24 * time.Hour
	DefaultRotateUses  = 1 << 31
	DefaultRotateBytes = 1 << 50 // 2^46 blocks: GCM's distinguishing advantage stays below 2^-36
)

const (
	// degradedAge is how long a data key may seal that fewer KEKs wrapped than the
	// key names: it opens in fewer places, so it is replaced soon after the outage.
	degradedAge = time.Hour
	// prefixAge is how long one XAES prefix is used; see suite.Suite.MaxMessages for how often.
	prefixAge = 24 * time.Hour
	// idleBurst and idleRate bound the calls that verify data keys which nobody used since
	// the last one: so many at once, and so many a second of one process. At the default
	// soft TTL that keeps about 260 idle data keys ready; a fleet of 10,000 with as many
	// each stays within 10,000 calls a second, the lowest quota that AWS grants.
	idleBurst = 256
	idleRate  = 1
	// staleWait is how long the first use of a dormant data key, one that went without,
	// waits for its KMS past the soft TTL. One that takes longer counts as unavailable,
	// and the key serves as stale until the answer comes.
	staleWait = time.Second
	// slowFor is how long no further use waits then; at most a soft TTL, which so holds for
	// a revocation too.
	slowFor = 30 * time.Second
	// landing is longer than a flight takes to end once it has its answer.
	landing = 10 * time.Millisecond
	// corruptFor, calls.DeniedFor and unclearFor are how long a failure is remembered.
	corruptFor = 30 * time.Second
	unclearFor = time.Second
	// rememberedRecords bounds the failures remembered per key, and the ids of
	// which it is remembered why they left.
	rememberedRecords = 4096
	// useGrain is how exactly the time of a last use is known: hits write at most
	// once per grain, so that they do not contend for a cache line.
	useGrain = time.Second
	// renewClock is how many uses a session makes of one reading of the clock.
	renewClock = 1024
)

// resolve fills in the defaults of a key's bounds and checks them.
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
