// Package store is where wrapped-key records live when they are not in the
// envelopes themselves. A fleet that shares a store shares data keys, one for each
// key and 7/8 of rotate.age, and its envelopes only name them: 58 bytes more than the value.
//
//	keys:
//	  customer:
//	    kek: awskms:///arn:…
//	    store: dynamodb:sealmesh-data-keys?region=eu-west-1   # or dir:keys, postgres://…
//	    store_fallback: inline                                # or refuse
//
// # What a store can do
//
// It can be slow, be away, and withhold a record: then values stay shut. It can do
// no more. A record says nothing without its KEK; whatever a store returns has to unwrap under a
// configured KEK and the key's context, and match the commitment whose first half is the id in the
// envelope. A store that lies is refused on open (value_not_opened) and not sealed under.
//
// But a store is data: without its records, the values sealed under them are
// lost as if the KEK were. Back it up before the values it serves, and never restore it to before them.
//
// # When the store is away
//
//   - Data keys in memory seal and open as ever; nothing of that touches the store. An
//     outage that is shorter than cache.hard, and meets no rotation, is not noticed.
//   - A record that was read once is remembered, so its data key still unwraps.
//   - A data key that is new to the process does not open (key_unavailable, 503).
//   - When a new data key is due to seal, the present one goes on to its end. After that, store_fallback
//     decides. inline, the default, puts the record of a new data key into its envelopes, for five minutes at
//     a time: they are longer, and lose nothing, since such an envelope needs no store ever. refuse is
//     for those whose columns have no room for that: no value is sealed until the store is back.
//   - At start-up, a store that is not set up (no table, no permission) is an error;
//     one that is away is an error under refuse only.
//   - It is asked again with a back-off of up to 30 s, and never by more than 16 calls at once.
//
// # When the store has lost records, was restored, or was forked
//
// Values under a lost record do not open. Those sealed inline do, and so do those whose
// data key some process still has in memory. A store restored to an earlier moment has
// empty slots where the lost records were: the next claim fills them, and nothing mixes,
// since a slot's only effect is which data key seals next. Two copies that both took
// writes can be joined by copying the records of either into the other, by id; where their slots differ keep either.
// What is lost shows in Stats as get calls that end as corrupt.
//
// # Crashes
//
// A record is durable in the store before the first value is sealed under its data
// key, so no crash of a sealmesh, at any moment, loses one that was used. A claim whose answer
// was lost leaves a record that nothing was sealed under: it does no harm.
//
// # Re-wrapping
//
// "sealmesh rewrap --stores" gives every record the wraps that its key asks for now, beside processes
// that seal and open: a record gives way whole or not at all, only as whoever read it knows it, and only to
// one of the same data key, each wrap of which was proven. It may be stopped, killed, run twice
// at once, and begun again. A KEK that is to go
//
//  1. is joined by the new one in the policy of every process (kek: [NEW, OLD]), so that new data keys have both;
//  2. is dropped from all records: rewrap --stores --drop OLD;
//  3. leaves the policy of every process, which forgets what records it remembers;
//  4. is dropped from what they made meanwhile: rewrap --stores again, under that policy. None is of
//     other keys, and the next run finds all of them current.
//
// Only then it may be disabled: a process whose policy still names it takes its denial for an
// answer. Copies of a store from before still need it. So do the records in inline envelopes, and pinned ones.
// In a dir and in DynamoDB, the copy in the slot stays as it was; it only says which data key is meant.
//
// # How many values one data key seals
//
// rotate.uses and rotate.bytes count within one process: a fleet of n seals up to n times
// as many under one data key, and so does one process that starts n times. That is safe because each process
// draws a random 12-byte prefix, and derives a key of its own from it (XAES-256-GCM; HKDF for suite 2): under one
// prefix at most 2^31 values are sealed, and then a new one is drawn. Two processes with the same prefix of 96 bits are what must
// not happen: with p prefixes its chance is p²/2^97. A fleet of 10,000 that each draws 100 in an
// epoch has p = 2^20, and a chance of 2^-57; and even then nonces, which are random too, would have to
// collide. A total of 2^80 values, the bound of XAES, is out of any fleet's reach. AES-GCM's own bound on
// blocks (2^46, an advantage of 2^-36) holds per derived key: rotate.bytes of one process.
//
// # Strangers
//
// Anybody who can have an envelope opened can make ids up. An unknown one is remembered for five seconds, and
// for each caller a process asks for 256 of them at once, and 16 a second then. Past that, what is new to the
// process is refused for that caller alone; other callers, sealing, and what was proven before are not held up.
//
// # Slots
//
// A [Slot] is a hash of the key's name, its context and the KEKs of the configuration, with the epoch, so
// that a policy with another KEK starts a data key of its own at once. A process with use: seal cannot unwrap,
// and shares no data key: each has its own slots, one per cache.soft.
package store
