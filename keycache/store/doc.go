// Package store keeps wrapped-key records outside the envelopes. Processes that
// share a store share data keys: one per key and epoch, which lasts 7/8 of
// rotate.age. Their envelopes name the data key by its id and are 58 bytes
// longer than the value.
//
//	keys:
//	  customer:
//	    kek: awskms:///arn:…
//	    store: dynamodb:sealmesh-data-keys?region=eu-west-1   # or dir:keys, postgres://…
//	    store_fallback: inline                                # or refuse
//
// # Trust
//
// A store can be slow, be unavailable and withhold records. Then values do not
// open. It cannot do more:
//
//   - A record is useless without its KEK.
//   - Every record must unwrap under a configured KEK and the context of the
//     key.
//   - It must match the commitment; the id in the envelope is the first half of
//     the commitment.
//
// A record that fails these checks opens nothing (value_not_opened) and seals
// nothing.
//
// But a store is data. Without its records, the values sealed under them are
// lost, as if the KEK were lost. Back the store up before the values, and never
// restore it to an earlier state than the values.
//
// # Outages
//
//   - Data keys in memory seal and open as before, without the store. An outage
//     that is shorter than cache.hard and meets no rotation has no effect.
//   - A record that was read once is remembered, so its data key still unwraps.
//   - A data key that is new to the process does not open (key_unavailable,
//     503).
//   - If a new data key is due, the current one seals until its end. After that
//     store_fallback decides. The default, inline, puts the record of a new
//     data key into its envelopes, for five minutes at a time. These envelopes
//     are longer and never need a store. refuse is for columns without room for
//     them: no value is sealed until the store is available.
//   - At start-up a store that is not set up (no table, no permission) is an
//     error. An unavailable store is an error only with refuse.
//   - Requests are retried with a back-off of up to 30 s, at most 16 at once.
//
// # Lost records, restores and forks
//
// Values under a lost record do not open, unless they were sealed inline or a
// process still has their data key in memory. A restored store has empty slots
// in place of the lost records. The next claim fills them, and nothing is mixed
// up: a slot only decides which data key seals next. To join two copies that
// both accepted writes, copy the records of one into the other by id, and keep
// either of two different slots. Lost records show in Stats as get calls with
// the result corrupt.
//
// # Crashes
//
// A record is durable in the store before the first value is sealed under its
// data key. So no crash loses a record that was used. A claim whose answer was
// lost leaves a record under which nothing was sealed; it does no harm.
//
// # Re-wrapping
//
// "sealmesh rewrap --stores" gives every record the wraps that its key requires
// now, while other processes seal and open. A record is replaced whole or not
// at all, only if it is still the one that was read, and only by a record of
// the same data key whose wraps were all verified. The command can be stopped,
// killed and run twice at once; it resumes. To retire a KEK:
//
//  1. Add the new KEK to the policy of every process (kek: [NEW, OLD]). New
//     data keys have both wraps.
//  2. Drop the old KEK from all records: rewrap --stores --drop OLD.
//  3. Remove the old KEK from the policy of every process. They forget the
//     records that they remember.
//  4. Run rewrap --stores again, with that policy. It drops the old KEK from
//     records made in the meantime. The next run reports that all are current.
//
// Disable the old KEK only then: a process whose policy still names it treats
// its denial as an answer. Older copies of the store still need the old KEK,
// and so do records in inline envelopes and pinned records. In a dir and in
// DynamoDB the copy in the slot stays unchanged; it only names the data key.
//
// # Values per data key
//
// rotate.uses and rotate.bytes count within one process. A fleet of n
// processes, or one process that starts n times, seals up to n times as many
// values under one data key. That is safe because each process draws a random
// 12-byte prefix and derives a key of its own from it (XAES-256-GCM; HKDF for
// suite 2). At most 2^31 values are sealed under one prefix; then the process
// draws another one.
//
// Two processes must not have the same prefix of 96 bits. With p prefixes the
// probability is p²/2^97. A fleet of 10,000 processes that each draw 100
// prefixes in an epoch has p = 2^20 and a probability of 2^-57. Even then the
// nonces, which are random too, would have to collide. The limit of XAES, 2^80
// values in total, is out of reach. The limit of AES-GCM on blocks (2^46, an
// advantage of 2^-36) applies to each derived key: to rotate.bytes of one
// process.
//
// # Unknown ids
//
// Anybody who can submit an envelope can invent ids. A process remembers an
// unknown id for five seconds. For each caller it looks up 256 ids at once and
// then 16 a second. Beyond that, ids that are new to the process are refused
// for that caller alone. Other callers, sealing, and known data keys are not
// affected.
//
// # Slots
//
// A [Slot] is a hash of the name of the key, its context, the configured KEKs
// and the epoch. A policy with another KEK starts a data key of its own at
// once. A process with use: seal cannot unwrap and shares no data key; it has
// slots of its own, one per cache.soft.
package store
