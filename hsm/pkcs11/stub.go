//go:build !cgo || windows

package pkcs11

import (
	"context"

	"github.com/sealmesh/sealmesh/hsm"
)

// Open explains that this build cannot load a PKCS#11 module: the modules are
// C libraries, and cgo is off (or the platform is Windows, which packs the
// structures differently). It reports a malformed URI first.
func Open(_ context.Context, uri string) (p hsm.Provider, identity string, err error) {
	return nil, "", explain(uri)
}

// CreateKEK explains what [Open] explains.
func CreateKEK(_ context.Context, uri string) (identity string, err error) {
	return "", explain(uri)
}

func explain(uri string) error {
	if _, err := parseURI(uri); err != nil {
		return uriError(err)
	}
	return &hsm.Error{
		Class: hsm.Unsupported, Provider: Kind, Operation: "Open",
		Hint: "this sealmesh was built without PKCS#11: build it on Linux or macOS with CGO_ENABLED=1, or choose another KEK",
	}
}
