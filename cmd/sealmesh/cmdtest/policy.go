// Package cmdtest helps the tests of several commands: policies, and a KMS
// behind a network that fails.
package cmdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm/local"
)

// AWSEnv returns the environment in which a process reaches only the fake KMS.
func AWSEnv() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=an example of a secret access key", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_PROFILE=",
	}
}

// SetAWSEnv sets AWSEnv in this process until the test ends.
func SetAWSEnv(t *testing.T) {
	t.Helper()
	for _, pair := range AWSEnv() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// OneKey writes a policy with one key, main, whose KEK is at uri. more is
// appended to the key. The KEK local:kek exists. It returns the file.
func OneKey(t *testing.T, uri, more string) string {
	t.Helper()
	return write(t, fmt.Sprintf(`keys: {main: {kek: %q%s}}
tags: {pii: {key: main}}
routes: [{name: r, match: {path: /r}, request: {seal: {$.a: pii}}, response: {open: {$.a: pii}}}]
`, uri, more))
}

// TwoKEKs writes a policy with a key, main, of two KEKs: local:kek and the one
// at uri. more is appended to the key. The key other has local:kek alone. It
// returns the file.
func TwoKEKs(t *testing.T, uri, more string) string {
	t.Helper()
	verb := "seal"
	if strings.Contains(more, "use: open") {
		verb = "open"
	}
	return write(t, fmt.Sprintf(`keys: {main: {kek: ["local:kek", %q]%s}, other: {kek: "local:kek"}}
tags: {pii: {key: main}, too: {key: other}}
routes: [{name: r, match: {path: /r}, request: {%s: {$.a: pii, $.b: too}}}]
`, uri, more, verb))
}

// write writes a policy with sockets of its own, and local:kek, to a folder of
// its own. It returns the file.
func write(t *testing.T, policy string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, local.Create(filepath.Join(dir, "kek")))
	file := filepath.Join(dir, "policy.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "version: 1\nlisten: unix://%[1]s/s\nadmin: unix://%[1]s/a\nmetrics: none\n%[2]s", dir, policy), 0o600))
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
