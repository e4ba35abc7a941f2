package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A job that is killed again and again ends with every envelope moved, once,
// and all else as it was.
func TestRewrapSurvivesKills(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ more, to, back string }{
		"inline":       {"", "", ""},
		"into a store": {`, store: "dir:store"`, "by-id", "inline"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := killPolicies(t, dir, c.more)
			kills := killRewrapping(t, dir, "--drop", "local:old", "--to", c.to, "--in", "in.csv", "--out", "out.csv")
			got := read(t, filepath.Join(dir, "out.csv"))
			for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
				if want, _, _ := strings.Cut(in[i], "sm1."); !strings.HasPrefix(line, want+"sm1.") {
					t.Fatalf("line %d is not as it was: %.80s", i, line)
				}
			}
			form := "inline"
			if c.to == "by-id" {
				form = "by id"
			}
			text, err := inFolder(dir, "rewrap", "-c", "after.yaml", "--to", c.back, "--dry-run", "--in", "out.csv").CombinedOutput()
			if want := fmt.Sprintf("%d × xaes-256-gcm, %s, key k, wrapped by local:new", len(in), form); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%v: %s, want %s", err, text, want)
			}
			if kills == 0 {
				t.Error("never killed: the job must be longer")
			}
		})
	}
}

func inFolder(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("sealmesh", args...)
	cmd.Dir = dir
	return cmd
}

// killPolicies makes KEKs and policies of before, during and after a move, and
// a file of envelopes, whose lines it returns. more is of the key, during and
// after.
func killPolicies(t *testing.T, dir, more string) (lines []string) {
	t.Helper()
	for name, key := range map[string]string{
		"before": `"local:old"`, "during": `["local:new", "local:old"]` + more, "after": `"local:new"` + more,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name+".yaml"), []byte("version: 1\nkeys: {k: {kek: "+key+"}}\ntags: {pii: {key: k}}\n"+
			"routes: [{name: r, match: {path: /r}, request: {seal: {$: pii}}}]\n"), 0o600))
	}
	must(t, inFolder(dir, "keys", "new", "--kek", "local:old").Run())
	must(t, inFolder(dir, "keys", "new", "--kek", "local:new").Run())
	seal := inFolder(dir, "apply", "-c", "before.yaml", "--route", "r", "--direction", "request")
	seal.Stdin = strings.NewReader(`"value"`)
	envelope, err := seal.Output()
	must(t, err)
	pad := strings.Repeat("x", 1500)
	for i := range 24_000 {
		lines = append(lines, fmt.Sprintf("%d,%s,%s", i, pad, bytes.Trim(envelope, "\"")))
	}
	must(t, os.WriteFile(filepath.Join(dir, "in.csv"), []byte(strings.Join(lines, "\n")), 0o600))
	return lines
}

// killRewrapping begins a job again and again, until it is not killed before
// its end.
func killRewrapping(t *testing.T, dir string, args ...string) (kills int) {
	t.Helper()
	out := filepath.Join(dir, "out.csv")
	for ; kills < 200; kills++ {
		cmd := inFolder(dir, append([]string{"rewrap", "-c", "during.yaml"}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		must(t, cmd.Start())
		ended := make(chan struct{})
		go killLater(cmd.Process, out+".state", kills, ended)
		err := cmd.Wait()
		close(ended)
		if err == nil {
			if want := "24000 envelopes: 24000 changed"; !strings.Contains(stderr.String(), want) {
				t.Errorf("after %d kills: %s", kills, stderr.String())
			}
			return kills
		}
		if exists(out) && !exists(out+".state") {
			return kills + 1 // killed when all was done and said
		}
	}
	t.Fatal("no progress")
	return kills
}

// killLater kills p: the first time as soon as it has saved its state, then at
// random, later and later, so that on however slow a machine some run gets
// further.
func killLater(p *os.Process, state string, kills int, ended <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	at := time.Now().Add(time.Duration(20+rand.IntN(300+25*kills)) * time.Millisecond)
	for {
		select {
		case <-ended:
			return
		case now := <-tick.C:
			_, err := os.Stat(state)
			if kills == 0 && err == nil || kills > 0 && now.After(at) {
				_ = p.Kill()
				return
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
