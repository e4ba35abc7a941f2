package main

import (
	"bytes"
	"context"
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

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache"
)

// Candidates are found wherever the text is cut, and nothing of it is lost.
func TestTokenScanner(t *testing.T) {
	long := "sm1." + strings.Repeat("Ab-_9", 100_000)
	text := "sm1.,x sm1 sm1.AAAA\"sm1.sm1.B " + long + "\n" + strings.Repeat("s", 300_000) + "sm1"
	want := []string{"sm1.", "sm1.AAAA", "sm1.sm1", long}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "end with data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		s := newTokenScanner(r, 1<<20)
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
	if _, _, err := newTokenScanner(iotest.ErrReader(errors.New("disk")), 1<<20).next(); err == nil {
		t.Error("a failing reader: no error")
	}
}

// An envelope longer than the policy lets any be is left whole and counted as
// failed: to change the part of it that was read would damage the rest.
func TestRewrapLeavesLongOnes(t *testing.T) {
	var changed [][]byte
	job := func(keepGoing bool) *rewrapJob {
		return &rewrapJob{
			opt: rewrapOptions{keepGoing: keepGoing}, limit: 100, report: newProgress(io.Discard, "envelope"),
			change: func(_ context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error) {
				changed = append(changed, bytes.Clone(text))
				return append(dst, "changed"...), keycache.Outdated, nil
			},
		}
	}
	long := "sm1." + strings.Repeat("A", 600_000)
	text := "a " + long + " b sm1." + strings.Repeat("A", 96) + " c"
	if err := job(false).stream(t.Context(), newTokenScanner(strings.NewReader(text), 100), io.Discard, nil, 0); !errors.Is(err, errLong) {
		t.Errorf("%v, want %v", err, errLong)
	}
	var out bytes.Buffer
	j := job(true)
	must(t, j.stream(t.Context(), newTokenScanner(strings.NewReader(text), 100), &out, nil, 0))
	if want := "a " + long + " b changed c"; out.String() != want {
		t.Errorf("%.80q", out.String())
	}
	if len(changed) != 1 || j.counts.Failed != 1 || j.counts.Changed != 1 {
		t.Errorf("%d changed: %v", len(changed), j.counts)
	}
}

// A prefix before an envelope does not hide it.
func TestRewrapAfterPrefix(t *testing.T) {
	real := string(envelope.Append(nil, envelope.Header{Suite: suite.XAES256GCM}, make([]byte, 64)))
	var out bytes.Buffer
	j := &rewrapJob{limit: 1 << 10, report: newProgress(io.Discard, "envelope"), change: func(_ context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error) {
		if _, _, _, err := envelope.Parse(nil, text); err != nil {
			return dst, keycache.Current, err
		}
		return append(dst, "changed"...), keycache.Outdated, nil
	}}
	text := "sm1.sm1.xsm1." + real + ",sm1." + real + " sm1.sm1"
	must(t, j.stream(t.Context(), newTokenScanner(iotest.OneByteReader(strings.NewReader(text)), 1<<10), &out, nil, 0))
	if want := "sm1.sm1.xsm1.changed,sm1.changed sm1.sm1"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestRewrapProgress(t *testing.T) {
	p := &progress{noun: "envelope", from: 100 << 20, seen: 1000}
	got := p.line(10*time.Second, counts{Seen: 6000}, 200<<20, 400<<20)
	if want := "50% of 400 MiB, 500 envelopes/s, 20s left: 6000 envelopes"; !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	if got := p.line(time.Second, counts{}, 3<<20, 0); !strings.HasPrefix(got, "3 MiB, ") || strings.Contains(got, "left") {
		t.Errorf("of unknown size: %s", got)
	}
	var out bytes.Buffer
	p = &progress{w: &out, noun: "envelope", terminal: true, begin: time.Now().Add(-time.Minute)}
	p.show(counts{}, 1, 0)
	p.end(rewrapOptions{}, counts{})
	if n := strings.Count(out.String(), "\r\x1b[K"); n != 2 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("on a terminal: %q", out.String())
	}
}

// Whoever wants to let a KEK go learns that rewrap does not reach what is by id.
func TestRewrapWarnsOfRecordsElsewhere(t *testing.T) {
	var out bytes.Buffer
	text := envelope.Append(nil, envelope.Header{Suite: suite.XAES256GCM}, make([]byte, 64))
	elsewhere := func(_ context.Context, dst, text []byte) ([]byte, keycache.Wrapping, error) {
		return append(dst, text...), keycache.Elsewhere, nil
	}
	j := &rewrapJob{limit: 1 << 10, report: newProgress(&out, "envelope"), change: elsewhere}
	var same bytes.Buffer
	must(t, j.run(t.Context(), bytes.NewReader(text), &same))
	if same.String() != string(text) || !strings.Contains(out.String(), "warning: 1 envelope by id") {
		t.Errorf("%q, %q", same.String(), out.String())
	}
}

// What is no continuation of the same job is refused, and nothing is written.
func TestRewrapStateOfAnotherJob(t *testing.T) {
	dir := t.TempDir()
	opt := rewrapOptions{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out"), key: "k"}
	must(t, os.WriteFile(opt.in, []byte("input"), 0o600))
	begin := func() {
		t.Helper()
		f, err := openFileJob(opt)
		must(t, err)
		_, err = f.out.WriteString("inp")
		must(t, errors.Join(err, f.save(3, counts{}), f.close()))
	}
	refused := func(opt rewrapOptions, want string) {
		t.Helper()
		if f, err := openFileJob(opt); err == nil {
			t.Errorf("went on, want %q", want)
			_ = f.close()
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	begin()
	f, err := openFileJob(opt)
	must(t, err)
	if f.state.Read != 3 || f.state.Written != 3 {
		t.Errorf("resumed at %+v", f.state)
	}
	must(t, f.close())
	other := opt
	other.drop = []string{"local:old"}
	refused(other, "another job")
	must(t, os.Remove(opt.out+".partial"))
	refused(opt, "shorter")
	must(t, os.Remove(opt.out+".state"))
	must(t, os.Remove(opt.out+".partial"))
	begin()
	must(t, os.WriteFile(opt.in, []byte("another input"), 0o600))
	refused(opt, "another job")
}

// A job that is killed again and again ends with every envelope moved, once, and
// all else as it was.
func TestRewrapSurvivesKills(t *testing.T) {
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

// killPolicies makes KEKs and policies of before, during and after a move, and a file
// of envelopes, whose lines it returns. more is of the key, during and after.
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

// killRewrapping begins a job again and again, until it is not killed before its end.
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

// killLater kills p: the first time as soon as it has saved its state, then at random,
// later and later, so that on however slow a machine some run gets further.
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
