package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fieldsOfProof are the lines at the head of a proof, in this order.
var fieldsOfProof = []string{"command", "folders", "hash", "commit", "date", "versions"}

// stale returns why the proof in file proves nothing about the repository at
// dir, or "".
func stale(t *testing.T, dir, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	head, output, _ := strings.Cut(string(b), "\n\n")
	values := map[string]string{}
	var names []string
	for l := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		names, values[name] = append(names, name), value
	}
	if !slices.Equal(names, fieldsOfProof) || strings.TrimSpace(output) == "" {
		return "is not in the form that record.sh writes"
	}
	if got := record(t, dir, append([]string{"--hash"}, strings.Fields(values["folders"])...)...); got != values["hash"] {
		return "is stale: " + values["folders"] + " changed since; run: " + values["command"]
	}
	return ""
}

func record(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command(filepath.Join(dir, "docs/proofs/record.sh"), args...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("record.sh %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestProofs fails when what a long run proved has changed since.
func TestProofs(t *testing.T) {
	proofs, err := filepath.Glob("proofs/*.txt")
	must(t, err)
	for _, p := range proofs {
		if why := stale(t, root, p); why != "" {
			t.Errorf("%s %s", p, why)
		}
	}
}

// TestProofGoesStale records a proof in a repository of its own, and changes
// what the proof covers and what it does not.
func TestProofGoesStale(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	git := func(args ...string) {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	put("docs/proofs/record.sh", read(t, "docs/proofs/record.sh"))
	put("codec/a b.go", "package codec")
	put("proxy/a.go", "package proxy")
	git("init", "-q")
	git("add", "-A")
	git("commit", "-qm", "first")
	record(t, dir, "soak", "codec docs", "echo", "it holds")
	proof := filepath.Join(dir, "docs/proofs/soak.txt")
	for _, step := range []struct {
		file  string
		stale bool
	}{{"proxy/a.go", false}, {"codec/untracked.go", false}, {"codec/a b.go", true}} {
		put(step.file, "package changed")
		if why := stale(t, dir, proof); (why != "") != step.stale {
			t.Errorf("after a change of %s: %q", step.file, why)
		}
	}
	put("docs/proofs/soak.txt", "it holds\n")
	if stale(t, dir, proof) == "" {
		t.Error("a file without a hash is taken for a proof")
	}
}
