package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// built is the folder that the binary is built in.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "sealmesh-docs-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

var build = sync.OnceValues(func() (output []byte, err error) {
	return exec.Command("go", "build", "-o", built, "github.com/sealmesh/sealmesh/cmd/sealmesh").CombinedOutput()
})

// sealmesh runs the binary, which it builds once, in a folder of its own.
func sealmesh(t *testing.T, dir string, args ...string) (output string, ok bool) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the binary")
	}
	if out, err := build(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.Command(filepath.Join(built, "sealmesh"), args...)
	c.Dir, c.Env = dir, append(os.Environ(), "PWD="+dir)
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

var (
	span         = regexp.MustCompile("`([^`]+)`")
	substitution = regexp.MustCompile(`"\$\(.*\)"`)
	word         = regexp.MustCompile(`"[^"]*"|'[^']*'|[^\s"']+`)
	target       = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
)

// commands returns the code of a page, a line or a code span each, with where it is.
func (p page) commands() map[string]line {
	all := map[string]line{}
	for _, l := range p.lines {
		if l.code {
			all[strings.TrimSpace(l.text)] = l
			continue
		}
		for _, m := range span.FindAllStringSubmatch(l.text, -1) {
			all[m[1]] = l
		}
	}
	return all
}

// arguments returns the words behind "sealmesh", up to what is the shell's.
func arguments(command string) ([]string, bool) {
	rest, ok := strings.CutPrefix(command, "sealmesh ")
	if !ok {
		return nil, false
	}
	var args []string
	for _, w := range word.FindAllString(substitution.ReplaceAllString(rest, "X"), -1) {
		if strings.ContainsAny(w[:1], "<>|&#") || w == "2>" {
			break
		}
		args = append(args, strings.Trim(w, `"'`))
	}
	return args, true
}

// Every command line of sealmesh names a command that there is, with flags that it has.
func TestCommandsExist(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range pages(t) {
		for command, l := range p.commands() {
			args, ok := arguments(command)
			if !ok || seen[command] || p.path == "CHANGELOG.md" || strings.Contains(command, "──") { // a picture
				continue
			}
			seen[command] = true
			if problem := parse(t, args); problem != "" {
				t.Errorf("%s:%d: %s: %s", p.path, l.number, command, problem)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d commands", len(seen))
	}
}

// parse has the binary parse args, and says what it does not take.
func parse(t *testing.T, args []string) string {
	t.Helper()
	n := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if n < 0 {
		n = len(args)
	}
	out, ok := sealmesh(t, t.TempDir(), slices.Concat(args[:n], []string{"--help"}, args[n:])...)
	if !ok {
		if strings.Contains(out, "flag needs an argument") { // a code span that names the flag alone
			return ""
		}
		return out
	}
	_, usage, _ := strings.Cut(out, "\nUsage:\n  ")
	usage, _, _ = strings.Cut(usage, "\n")
	var command []string // as the binary understood it
	for _, w := range strings.Fields(usage)[1:] {
		if !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(w) {
			break
		}
		command = append(command, w)
	}
	if len(command) > n || !slices.Equal(command, args[:len(command)]) || strings.Contains(out, "\nAvailable Commands:") && n > len(command) {
		return "no such command: it is taken for sealmesh " + strings.Join(command, " ")
	}
	return ""
}

// Every target of make is in the Makefile.
func TestTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, p := range pages(t) {
		for command, l := range p.commands() {
			for _, m := range target.FindAllStringSubmatch(command, -1) {
				if !strings.Contains(makefile, "\n"+m[1]+":") {
					t.Errorf("%s:%d: no target %s", p.path, l.number, m[1])
				}
			}
		}
	}
}

var complete = regexp.MustCompile("(?s)<!-- complete policy -->\n```yaml\n(.*?)```\n")

// Every policy that is marked as complete is one.
func TestPoliciesAreValid(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, m := range complete.FindAllStringSubmatch(p.text, -1) {
			n++
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(m[1]), 0o600))
			if out, ok := sealmesh(t, dir, "check", "--strict", "-c", "policy.yaml"); !ok {
				t.Errorf("%s: %s", p.path, out)
			}
		}
	}
	if n == 0 {
		t.Error("no page has a complete policy")
	}
}
