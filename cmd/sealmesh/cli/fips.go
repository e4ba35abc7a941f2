package cli

import (
	"crypto/fips140"
	"errors"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errFIPSInactive = errors.New("fips: required, but the Go FIPS 140-3 module is not active: build with GOFIPS140=v1.0.0 and run with GODEBUG=fips140=on")

// RequireFIPS returns an error if FIPS is required and the FIPS 140-3 module is
// not active in this process. A command that uses keys must call it first.
func RequireFIPS(required bool) error {
	if required && !fips140.Enabled() {
		return errFIPSInactive
	}
	return nil
}

// fipsMode names the active module and its version. The version "latest" is the
// toolchain's own module, which has not been validated.
func fipsMode() string {
	if fips140.Enabled() {
		return "on, module " + fips140.Version()
	}
	return "off"
}

// FIPSState describes, for a policy that requires FIPS, whether this process
// meets the requirement.
func FIPSState() string {
	state := "fips: required; FIPS 140-3 mode of this process: " + fipsMode()
	switch {
	case !fips140.Enabled():
		state += "; sealmesh would not start"
	case fips140.Version() == "latest":
		state += "; this version is not validated: build with GOFIPS140=v1.0.0"
	}
	return state
}

// Resource returns the OpenTelemetry resource attributes of this process. Every
// key use carries them.
func Resource(p *policy.Policy) map[string]string {
	fips := "off"
	if p.FIPS {
		fips = "required"
	}
	return map[string]string{"service.name": "sealmesh", "service.version": Version(),
		"sealmesh.fips": fips, "sealmesh.fips.module": fipsMode()}
}
