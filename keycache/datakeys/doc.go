// Package datakeys is the only package that holds unwrapped data keys. It says
// how long each one may be used and for how much, and ends it. It knows no KEK,
// no record store and no session: its users tell it how to verify a data key,
// and it calls them.
//
// # What it promises
//
// Copies. A data key arrives as an [hsm.Secret], which the caller destroys.
// From it, [Set.New] makes one cipher for each suite. A cipher holds key
// schedules, and that of suite 2 holds the data key itself. Nothing here keeps
// the bytes of a data key in any other form, and nothing returns them: a
// [Cipher] opens values, and a [Claim] seals values.
//
// Clearing. Ciphers are dropped when their data key is evicted as expired,
// denied, refused, idle, superseded or flushed. Values that are being sealed or
// opened at that moment end with the cipher they have. The garbage collector
// frees the rest; a build with GOEXPERIMENT=runtimesecret also clears it. A
// data key that leaves to make room serves nobody but the uses that already
// waited for it.
//
// Serving. now is a moment of [Shared.Now]:
//
//   - Within the soft TTL, counted from the moment when the KMS was asked, a data
//     key serves.
//   - Between the soft and the hard TTL it serves if the KMS was asked in time and
//     has not answered. It then counts as stale. So a KMS that is slow or
//     unavailable delays nobody.
//   - Once an answer was unclear, it may be a refusal. The data key then serves to
//     the soft TTL only, and past that each use asks first. A KMS that falls silent
//     afterwards excuses nothing; only a KMS that vouches does.
//   - A denial, or any other answer but the data key, evicts it at once.
//   - Past the hard TTL, nothing serves.
//
// So a revocation takes effect within the soft TTL, or as soon as the KMS says
// so, and an outage is survived for the hard TTL.
//
// Sealing. A data key seals no more values and bytes than its [Lease] has, of
// all sessions together, and for no longer. One cipher seals no more values
// than its suite permits under one prefix, and for a day at most.
//
// # The life of a data key
//
//	           New, Keep
//	              │
//	              v        asked ahead of the soft TTL, in the background
//	    ┌──────> fresh ─────────────────────────────┐
//	    │         │                                 v
//	    │         │ idle, without           the KMS is asked
//	    │         │ an allowance             │      │      │
//	    │         v                     vouches  silent  unclear
//	    │      dormant ──next use──> asked   │      │      │
//	    │                                    │      v      v
//	    ├────────────────────────────────────┘    stale  doubted
//	    │                                           │      │ retried with back-off;
//	    └──────────the KMS vouches──────────────────┴──────┘ doubted serves to soft only
//
//	evicted: denied or refused by the KMS, hard TTL over, unused for the hard TTL,
//	         flushed, superseded, or to make room
//
// A data key costs one call per soft TTL, however much it is used, and none
// once it has not been used for the hard TTL. Data keys that nobody used since
// the last call are verified within an allowance; one that gets none lies
// dormant.
//
// # Concurrency
//
// All types are safe for concurrent use, but for [Claim], which belongs to one
// session. A hit is a few atomic loads, takes no lock and allocates nothing.
package datakeys
