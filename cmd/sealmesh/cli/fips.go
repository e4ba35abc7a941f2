package cli

import (
	"crypto/fips140"
	"errors"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// ErrFIPSInactive is the error of every command that would use keys without the
// FIPS 140-3 module that it must use.
var ErrFIPSInactive = errors.New("fips: required, but the Go FIPS 140-3 module is not active: build with GOFIPS140=v1.0.0 and run with GODEBUG=fips140=on")

// RequireFIPS returns ErrFIPSInactive if p requires FIPS and the module is not
// active in this process.
func RequireFIPS(p *policy.Policy) error {
	if p.FIPS && !fips140.Enabled() {
		return ErrFIPSInactive
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
