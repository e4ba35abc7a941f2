package transit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestEnvironmentRefused: what would send data keys elsewhere is an error that
// names the variable, and a switch that is off is none.
func TestEnvironmentRefused(t *testing.T) {
	isolate(t)
	t.Setenv("VAULT_TOKEN", "hvs.token")
	for name := range refusedVariables {
		for _, prefix := range []string{"VAULT_", "BAO_"} {
			for value, want := range map[string]bool{"true": true, "https://canary.example": true, "false": false, "0": false} {
				t.Setenv(prefix+name, value)
				_, err := Open(t.Context(), "transit://127.0.0.1:1/transit/customers")
				if !want {
					hsmtest.WantError(t, err, hsm.Unavailable)
				} else if e := hsmtest.WantError(t, err, hsm.Misconfigured, prefix+name); strings.Contains(e.Error(), "canary") {
					t.Errorf("%v repeats the value", e)
				}
			}
			t.Setenv(prefix+name, "")
		}
	}
}

// TestEnvironmentComplete: every variable that the SDK names is heeded, refused
// or harmless. A later SDK's new one has to be judged.
func TestEnvironmentComplete(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/openbao/openbao/api/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the SDK has %d files, %v", len(files), err)
	}
	variable := regexp.MustCompile(`"(?:BAO|VAULT)_([A-Z_]+)"`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range variable.FindAllStringSubmatch(string(text), -1) {
			found++
			if name := m[1]; refusedVariables[name] == "" && !slices.Contains(heededVariables, name) && !slices.Contains(harmlessVariables, name) {
				t.Errorf("%s: what of %s?", filepath.Base(file), name)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d variables found: has the SDK moved them?", found)
	}
}
