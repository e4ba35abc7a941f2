package pkcs11

import (
	"maps"
	"slices"
	"strings"
)

// ivPolicy says who makes the IV of AES-GCM. A wrong policy makes the device
// refuse wraps or, far worse, use one IV for every wrap, which reveals the
// KEK's authentication key (NIST SP 800-38D §8).
type ivPolicy uint8

const (
	callerIV      ivPolicy = iota // pIv is ours, random, and must come back unchanged
	deviceIV                      // pIv goes in as zeros and must come back as something else
	deviceAppends                 // pIv is ours and ignored: the device's own follows the tag
)

// profiles describes the AES-GCM of each vendor, by x-profile.
var profiles = map[string]ivPolicy{
	"softhsm":  callerIV,
	"nss":      callerIV,
	"cloudhsm": deviceIV,
	"luna":     deviceAppends,
}

func profileNames() string { return strings.Join(slices.Sorted(maps.Keys(profiles)), ", ") }

// detectProfile guesses the profile from C_GetInfo; "" if unknown.
func detectProfile(manufacturer, description string) string {
	says := strings.ToLower(manufacturer + " " + description)
	for _, known := range []struct{ word, profile string }{
		{"softhsm", "softhsm"},
		{"nss ", "nss"},
		{"cloudhsm", "cloudhsm"},
		{"cavium", "cloudhsm"},
		{"chrystoki", "luna"},
		{"safenet", "luna"},
	} {
		if strings.Contains(says, known.word) {
			return known.profile
		}
	}
	return ""
}
