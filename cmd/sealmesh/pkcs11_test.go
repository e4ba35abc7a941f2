//go:build cgo && linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
)

// keys new makes a KEK on a token, never a second one in its place, and a
// policy can use it.
func TestKeysNewPKCS11(t *testing.T) {
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	if _, err := os.Stat(module); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SoftHSM is missing: run hsm/pkcs11/testdata/install.sh")
	}
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	env := append(os.Environ(), "SOFTHSM2_CONF="+put("softhsm2.conf", "directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"),
		"OTEL_TRACES_EXPORTER=console")
	execute := func(name string, args ...string) (string, int) {
		cmd := exec.Command(name, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := execute("softhsm2-util", "--init-token", "--free", "--label", "prod", "--so-pin", "12345678", "--pin", "87654321"); code != 0 {
		t.Fatal(out)
	}
	uri := "pkcs11:token=prod;object=kek?module-path=" + module + "&pin-source=file:" + put("pin", "87654321\n")
	if out, code := execute("sealmesh", "keys", "new", "--kek", uri); code != cli.ExitOK || !strings.Contains(out, ": made.") || strings.Contains(out, "87654321") {
		t.Fatalf("exit %d: %s", code, out)
	}
	if out, code := execute("sealmesh", "keys", "new", "--kek", uri); code != cli.ExitKey || !strings.Contains(out, "pkcs11") {
		t.Errorf("once more: exit %d: %s", code, out)
	}
	file := put("policy.yaml", fmt.Sprintf(`version: 1
keys: {main: {kek: %q}}
tags: {pii: {key: main}}
routes: [{name: r, match: {path: /r}, request: {seal: {$.a: pii}}}]
`, uri))
	if out, code := execute("sealmesh", "keys", "verify", "-c", file); code != cli.ExitOK || !strings.Contains(out, "verified") {
		t.Errorf("exit %d: %s", code, out)
	}
}
