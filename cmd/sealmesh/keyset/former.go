package keyset

import (
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
)

// FormerTargets returns the keys that an alias pointed to before, as its URI
// lists them. It calls no KMS.
func FormerTargets(uri string) ([]hsm.KEK, error) {
	keks, err := builtin.Targets(uri)
	if err != nil || len(keks) == 1 && keks[0].URI == uri {
		return nil, err
	}
	return keks, nil
}
