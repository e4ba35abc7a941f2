package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Candidates are found wherever the text is cut, and nothing of it is lost.
func TestTokenScanner(t *testing.T) {
	long := "sm1." + strings.Repeat("Ab-_9", 100_000)
	text := "sm1.,x sm1 sm1.AAAA\"sm1.sm1.B " + long + "\n" + strings.Repeat("s", 300_000) + "sm1"
	want := []string{"sm1.", "sm1.AAAA", "sm1.sm1", long}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "end with data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		s := newTokenScanner(r)
		var all bytes.Buffer
		var tokens []string
		for {
			a, b, err := s.next()
			all.Write(a)
			all.Write(b)
			if len(b) > 0 {
				tokens = append(tokens, string(b))
			}
			if err == io.EOF {
				break
			}
			must(t, err)
		}
		if all.String() != text {
			t.Errorf("%s: the text changed", name)
		}
		if fmt.Sprint(tokens) != fmt.Sprint(want) {
			t.Errorf("%s: %d tokens: %.100q", name, len(tokens), tokens)
		}
	}
	if _, _, err := newTokenScanner(iotest.ErrReader(errors.New("disk"))).next(); err == nil {
		t.Error("a failing reader: no error")
	}
}

// A job that is killed again and again ends with every envelope moved, once, and
// all else as it was.
func TestRewrapSurvivesKills(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("sealmesh", args...)
		cmd.Dir = dir
		return cmd
	}
	write := func(name, keks string) {
		must(t, os.WriteFile(file(name), []byte("version: 1\nkeys: {k: {kek: "+keks+"}}\ntags: {pii: {key: k}}\n"+
			"routes: [{name: r, match: {path: /r}, request: {seal: {$: pii}}}]\n"), 0o600))
	}
	write("before.yaml", `"local:old"`)
	write("during.yaml", `["local:new", "local:old"]`)
	write("after.yaml", `"local:new"`)
	must(t, command("keys", "new", "--kek", "local:old").Run())
	must(t, command("keys", "new", "--kek", "local:new").Run())
	seal := command("apply", "-c", "before.yaml", "--route", "r", "--direction", "request")
	seal.Stdin = strings.NewReader(`"value"`)
	envelope, err := seal.Output()
	must(t, err)
	var in bytes.Buffer
	pad := strings.Repeat("x", 1500)
	const lines = 24_000
	for i := range lines {
		fmt.Fprintf(&in, "%d,%s,%s\n", i, pad, bytes.Trim(envelope, "\""))
	}
	must(t, os.WriteFile(file("in.csv"), in.Bytes(), 0o600))
	kills := 0
	for {
		cmd := command("rewrap", "-c", "during.yaml", "--drop", "local:old", "--in", "in.csv", "--out", "out.csv")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		must(t, cmd.Start())
		ended := make(chan struct{})
		go killLater(cmd.Process, file("out.csv.state"), kills, ended)
		err := cmd.Wait()
		close(ended)
		if err == nil {
			if want := fmt.Sprintf("%d envelopes: %d changed", lines, lines); !strings.Contains(stderr.String(), want) {
				t.Errorf("after %d kills: %s", kills, stderr.String())
			}
			break
		}
		if kills++; kills > 200 {
			t.Fatalf("no progress: %s", stderr.String())
		}
	}
	got, err := os.ReadFile(file("out.csv"))
	must(t, err)
	for i, line := range strings.Split(strings.TrimSpace(string(got)), "\n") {
		if !strings.HasPrefix(line, fmt.Sprintf("%d,%s,sm1.", i, pad)) {
			t.Fatalf("line %d is not as it was: %.80s", i, line)
		}
	}
	check := command("rewrap", "-c", "after.yaml", "--dry-run", "--in", "out.csv")
	text, err := check.CombinedOutput()
	if err != nil || !strings.Contains(string(text), fmt.Sprintf("%d current", lines)) {
		t.Errorf("%v: %s", err, text)
	}
	if kills == 0 {
		t.Error("never killed: the job must be longer")
	}
}

// killLater kills p: the first time as soon as it has saved its state, then at random.
func killLater(p *os.Process, state string, kills int, ended <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	at := time.Now().Add(time.Duration(20+rand.IntN(300)) * time.Millisecond)
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
