package main

import (
	"crypto/fips140"
	"errors"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// errFIPSInactive keeps every command that uses keys from starting.
var errFIPSInactive = errors.New("fips: required, and the Go FIPS 140-3 module is not active: build with GOFIPS140=v1.0.0, and run with GODEBUG=fips140=on")

// requireFIPS returns why keys may not be used under p in this process, or nil.
func requireFIPS(p *policy.Policy) error {
	if p.FIPS && !fips140.Enabled() {
		return errFIPSInactive
	}
	return nil
}

// fipsMode is the module that is active, and its version: "latest" is that of the
// toolchain, which nobody has validated.
func fipsMode() string {
	if fips140.Enabled() {
		return "on, module " + fips140.Version()
	}
	return "off"
}

// fipsState says of a policy that requires FIPS how this process stands to it.
func fipsState() string {
	state := "fips: required; FIPS 140-3 mode here " + fipsMode()
	switch {
	case !fips140.Enabled():
		state += ": sealmesh would not start"
	case fips140.Version() == "latest":
		state += ", which nobody has validated: build with GOFIPS140=v1.0.0"
	}
	return state
}

// useResource is what every key use says of the process that made it.
func useResource(p *policy.Policy) map[string]string {
	fips := "off"
	if p.FIPS {
		fips = "required"
	}
	return map[string]string{"service.name": "sealmesh", "service.version": version,
		"sealmesh.fips": fips, "sealmesh.fips.module": fipsMode()}
}
