package rewrap

import (
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// By which KEKs a record is wrapped. A record does not say which key owns it,
// and a wrap that is lost cannot be made again once the other KEKs of the
// record are gone. So a run removes no wrap but those of KEKs that Options.Drop
// names, and all KEKs of each key that may own a record wrap it.

// wants returns the KEKs that wrap a record from now on which has wraps now,
// and the KEKs whose wraps go. One of the key's KEKs has wrapped the record.
func (r *Rewrapper) wants(wraps []envelope.Wrap) (targets, dropped []*keks.KEK) {
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

// mayOwn reports whether r's key may own the record: one of the key's KEKs has
// wrapped it, or is one of targets.
func (r *Rewrapper) mayOwn(wraps []envelope.Wrap, targets []*keks.KEK) bool {
	return slices.ContainsFunc(r.key.KEKs.All(), func(kk *keks.KEK) bool {
		return kk.WrapIn(wraps) != nil || hasKEK(targets, kk)
	})
}

// kept returns the wraps of old that the record fresh lacks and that nobody
// drops: those by KEKs that no owner names. They stay as they are, unproven.
func kept(old []envelope.Wrap, fresh []envelope.Wrap, dropped []*keks.KEK) []envelope.Wrap {
	var others []envelope.Wrap
	for _, w := range old {
		same := func(f envelope.Wrap) bool { return f.ProviderID == w.ProviderID && f.KEK == w.KEK }
		if !slices.ContainsFunc(fresh, same) && !slices.ContainsFunc(dropped, func(kk *keks.KEK) bool { return kk.Made(w) }) {
			others = append(others, w)
		}
	}
	return others
}

// called returns the KEKs of k that have one of those URIs.
func called(k *source.Source, uris []string) (found []*keks.KEK) {
	for _, kk := range k.KEKs.All() {
		if slices.Contains(uris, kk.URI) {
			found = append(found, kk)
		}
	}
	return found
}

// names reports whether k has a KEK of that URI.
func names(k *source.Source, uri string) bool { return len(called(k, []string{uri})) > 0 }

func hasKEK(all []*keks.KEK, kk *keks.KEK) bool {
	return slices.ContainsFunc(all, func(k *keks.KEK) bool { return k.Same(kk) })
}

// addKEKs appends those of more that all lacks.
func addKEKs(all, more []*keks.KEK) []*keks.KEK {
	for _, kk := range more {
		if !hasKEK(all, kk) {
			all = append(all, kk)
		}
	}
	return all
}
