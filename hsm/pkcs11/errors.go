package pkcs11

import "github.com/sealmesh/sealmesh/hsm"

// kind is this provider's name in URIs, errors and spans.
const kind = "pkcs11"

func uriError(err error) error {
	return &hsm.Error{
		Class: hsm.Misconfigured, Provider: kind, Operation: "Open", Err: err,
		Hint: "see the package documentation of hsm/pkcs11 for what a URI may say",
	}
}

func misconfigured(operation, hint string) error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: kind, Operation: operation, Hint: hint}
}
