package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unit reads a systemd unit: what its settings are, by name. Of those that
// stand twice it joins the values.
func unit(t *testing.T, name string) map[string]string {
	t.Helper()
	settings := make(map[string]string)
	for line := range strings.Lines(read(t, name)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			settings[k] = strings.TrimSpace(settings[k] + " " + v)
		}
	}
	return settings
}

func TestSystemdUnit(t *testing.T) {
	const name = "systemd/sealmesh.service"
	u, p := unit(t, name), load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	if strings.Contains(readAll(t, "../cmd/sealmesh"), "NOTIFY_SOCKET") != (u["Type"] == "notify") || u["Type"] == "simple" {
		t.Errorf("Type=%s, which is not what serve does", u["Type"])
	}
	if p.Listen != "unix:///run/"+u["RuntimeDirectory"]+"/ext_proc.sock" {
		t.Errorf("the socket %s is not in RuntimeDirectory=%s", p.Listen, u["RuntimeDirectory"])
	}
	if !strings.HasPrefix(p.Audit.SpoolDir, "/var/lib/"+u["StateDirectory"]+"/") {
		t.Errorf("the spool %s is not in StateDirectory=%s", p.Audit.SpoolDir, u["StateDirectory"])
	}
	if got := read(t, "systemd/sealmesh.sysusers"); got != "g "+u["Group"]+" -\n" {
		t.Errorf("sysusers makes %q, the unit wants group %s", got, u["Group"])
	}
	for k, want := range map[string]string{
		"DynamicUser": "yes", "RuntimeDirectoryMode": "0750", "StateDirectoryMode": "0700", "LimitCORE": "0", "MemorySwapMax": "0",
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "",
	} {
		if got, ok := u[k]; got != want || !ok {
			t.Errorf("%s=%s, want %s", k, got, want)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not here: its verdict is left out")
		return
	}
	analyze(t, read(t, name))
}

// TestPauseAfterRefusedKeys runs what the unit runs after the process: it
// pauses after exit code 4 and after no other, for less than systemd lets it.
func TestPauseAfterRefusedKeys(t *testing.T) {
	u := unit(t, "systemd/sealmesh.service")
	command, ok := strings.CutPrefix(u["ExecStopPost"], "/bin/sh -c '")
	command = strings.ReplaceAll(strings.TrimSuffix(command, "'"), "$$", "$") // as systemd reads them
	patience, err := strconv.Atoi(u["TimeoutStopSec"])
	if !ok || err != nil {
		t.Fatalf("ExecStopPost=%s, TimeoutStopSec=%s", u["ExecStopPost"], u["TimeoutStopSec"])
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "sleep"), []byte("#!/bin/sh\necho $1\n"), 0o700))
	for status, pauses := range map[string]bool{"4": true, "0": false, "1": false, "3": false, "KILL": false} {
		c := exec.Command("/bin/sh", "-c", command)
		c.Env = []string{"PATH=" + dir, "EXIT_STATUS=" + status}
		out, err := c.Output()
		must(t, err)
		if pause, _ := strconv.Atoi(strings.TrimSpace(string(out))); (pause > 0) != pauses || pause >= patience {
			t.Errorf("after exit status %s: a pause of %d s, within %d", status, pause, patience)
		}
	}
}

// analyze asks systemd what it thinks of the unit, with a binary that exists.
func analyze(t *testing.T, text string) {
	self, err := os.Executable()
	must(t, err)
	file := filepath.Join(t.TempDir(), "sealmesh.service")
	must(t, os.WriteFile(file, []byte(strings.Replace(text, "/usr/local/bin/sealmesh", self, 1)), 0o600))
	out, err := exec.Command("systemd-analyze", "verify", file).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "sealmesh.service") {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	const worst = "20" // in tenths: what systemd calls OK begins at 50
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+worst, file).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}

func readAll(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	must(t, err)
	var b strings.Builder
	for _, f := range files {
		b.WriteString(read(t, f))
	}
	return b.String()
}

// Images are built with the flags of `make build`, on the Go that go.mod asks
// for at least.
func TestDockerfile(t *testing.T) {
	file, makefile := read(t, "container/Dockerfile"), read(t, "../Makefile")
	m := regexp.MustCompile(`go build (.*)\$\(VERSION\)"`).FindStringSubmatch(makefile)
	if m == nil {
		t.Fatal("Makefile: no go build with a version")
	}
	for _, cgo := range []string{"0", "1"} {
		if n := strings.Count(file, "RUN CGO_ENABLED="+cgo+" go build "+m[1]+`$VERSION" -o /sealmesh ./cmd/sealmesh`); n != 1 {
			t.Errorf("CGO_ENABLED=%s is built %d times as the Makefile does", cgo, n)
		}
	}
	if flags := m[1] + `$version"`; !strings.Contains(read(t, "release/release.sh"), flags) {
		t.Errorf("release.sh does not build with %s", flags)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if !strings.Contains(file, "FROM golang:"+version[1]+".") {
		t.Errorf("go.mod wants Go %s", version[1])
	}
	stages := strings.Split(file, "\nFROM ")
	if last := stages[len(stages)-1]; !strings.HasPrefix(last, "scratch\n") {
		t.Errorf("the image by default is %s", last)
	}
	if n := strings.Count(file, "USER 65532:65532\nENTRYPOINT [\"/sealmesh\"]"); n != 2 {
		t.Errorf("%d images do not run as root, of 2", n)
	}
}
