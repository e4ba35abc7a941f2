package keycache

import (
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

// What a record is to be wrapped by. A record does not say which key owns it, and
// a wrap that is lost cannot be made again once the other KEKs of the record are
// gone. So a run never takes a wrap away, but for those of KEKs that --drop names,
// and each key that may own a record has all its KEKs wrap the record.

// wants returns the KEKs that are to wrap a record which has wraps now, and the
// KEKs whose wraps are to go. One of the key's KEKs has wrapped the record.
func (r *Rewrapper) wants(wraps []envelope.Wrap) (targets, dropped []*kek) {
	if len(r.peers) == 1 {
		return r.targets, r.dropped
	}
	rest := slices.Clone(r.peers)
	for i := 0; i < len(rest); i++ {
		if p := rest[i]; p.mayOwn(wraps, targets) {
			targets, dropped = addKEKs(targets, p.targets), addKEKs(dropped, p.dropped)
			rest = slices.Delete(rest, i, i+1)
			i = -1 // a key that shares a KEK with p may own the record now
		}
	}
	return targets, dropped
}

// mayOwn reports whether the record may be of r's key: one of the key's KEKs has
// wrapped it, or is to.
func (r *Rewrapper) mayOwn(wraps []envelope.Wrap, targets []*kek) bool {
	return slices.ContainsFunc(r.key.unwrapping(), func(kk *kek) bool {
		return wrapBy(wraps, kk) != nil || hasKEK(targets, kk)
	})
}

// kept returns the wraps of old that the record fresh lacks and that nobody drops:
// those by KEKs that no owner names. They stay as they are, unproven.
func kept(old []envelope.Wrap, fresh []envelope.Wrap, dropped []*kek) []envelope.Wrap {
	var others []envelope.Wrap
	for _, w := range old {
		same := func(f envelope.Wrap) bool { return f.ProviderID == w.ProviderID && f.KEK == w.KEK }
		if !slices.ContainsFunc(fresh, same) && !slices.ContainsFunc(dropped, func(kk *kek) bool { return made(w, kk) }) {
			others = append(others, w)
		}
	}
	return others
}

// wrapBy returns kk's wrap among wraps, or nil.
func wrapBy(wraps []envelope.Wrap, kk *kek) *envelope.Wrap {
	for i := range wraps {
		if made(wraps[i], kk) {
			return &wraps[i]
		}
	}
	return nil
}

// made reports whether kk made w.
func made(w envelope.Wrap, kk *kek) bool { return w.ProviderID == kk.ProviderID && w.KEK == kk.ref }

// sameKEK reports whether two keys name one KEK, by whichever URI.
func sameKEK(a, b *kek) bool { return a.ProviderID == b.ProviderID && a.ref == b.ref }

func hasKEK(keks []*kek, kk *kek) bool {
	return slices.ContainsFunc(keks, func(k *kek) bool { return sameKEK(k, kk) })
}

// addKEKs appends those of more that keks lacks.
func addKEKs(keks, more []*kek) []*kek {
	for _, kk := range more {
		if !hasKEK(keks, kk) {
			keks = append(keks, kk)
		}
	}
	return keks
}
