package suite_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec/suite"
)

// Every suite runs under GODEBUG=fips140=on and, because none asks for GCM with
// a nonce of its own choice, under fips140=only: being able to run is therefore
// no sign of being approved, which is what Suite.Approved says.
func TestFIPSModes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the conformance tests in two more modes")
	}
	for _, mode := range []string{"on", "only"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestFIPSModeChild|TestSelfTest|TestConformance)$", "-test.v")
			cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, "SEALMESH_TEST_FIPS="+mode)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for s := range suite.All() {
				if !strings.Contains(string(out), "--- PASS: TestConformance/"+s.Name+" ") {
					t.Errorf("%s did not run", s.Name)
				}
			}
		})
	}
}

func TestFIPSModeChild(t *testing.T) {
	mode := os.Getenv("SEALMESH_TEST_FIPS")
	if want := mode != ""; want && !fips140.Enabled() {
		t.Error("the module is not in FIPS mode")
	}
	if mode == "only" && !fips140.Enforced() {
		t.Error("FIPS mode is not enforced")
	}
}
