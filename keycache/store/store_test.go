package store_test

import (
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/keycache/store"
)

// The order of KEKs does not make another slot; anything else does.
func TestSlots(t *testing.T) {
	base := store.Scope{Key: "k", Context: []byte("c"), KEKs: []byte("aaaaabbbbb")}
	at := time.Unix(1_800_000_000, 0)
	seen := map[store.Slot]string{base.Slot(at, 0): "base"}
	if base.Slot(at, 0) != (store.Scope{Key: "k", Context: []byte("c"), KEKs: []byte("bbbbbaaaaa")}).Slot(at, 0) {
		t.Error("the order of KEKs counts")
	}
	for name, slot := range map[string]store.Slot{
		"key":        store.Scope{Key: "l", Context: []byte("c"), KEKs: base.KEKs}.Slot(at, 0),
		"context":    store.Scope{Key: "k", Context: []byte("d"), KEKs: base.KEKs}.Slot(at, 0),
		"boundary":   store.Scope{Key: "kc", KEKs: base.KEKs}.Slot(at, 0),
		"KEK":        store.Scope{Key: "k", Context: []byte("c"), KEKs: []byte("aaaaa")}.Slot(at, 0),
		"epoch":      base.Slot(at.Add(time.Second), 0),
		"generation": base.Slot(at, 1),
	} {
		if other, ok := seen[slot]; ok {
			t.Errorf("%s and %s share a slot", name, other)
		}
		seen[slot] = name
	}
}
