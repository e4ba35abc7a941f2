package pkcs11

import "github.com/sealmesh/sealmesh/hsm"

// Kind is the provider's kind in URIs, errors, spans and records.
const Kind = "pkcs11"

func uriError(err error) error {
	return &hsm.Error{
		Class: hsm.Misconfigured, Provider: Kind, Operation: "Open", Err: err,
		Hint: "see the package documentation of hsm/pkcs11 for what a URI may say",
	}
}

func misconfigured(operation, hint string) error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: operation, Hint: hint}
}
