package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// countInstructions prints the number of instructions of Envoy's own code for
// an exchange, counted by valgrind. It is reproducible to a percent whatever
// else the machine does, so it separates configurations that times cannot
// separate. It counts neither the kernel nor cache misses. Only -instructions
// runs it.
func countInstructions(ctx context.Context, b *bench) error {
	if err := countEnvoy(b.testbed); err != nil {
		return err
	}
	t := trial{id: "instructions", contestants: allForms(true), body: load.NewDocument(2*kib, 5), conns: 16, turn: 3 * time.Second}
	turns, err := b.ready(ctx, &t)
	if err != nil {
		return err
	}
	for i := range turns {
		k := &turns[i]
		pid := k.stack.Envoy.PID()
		if err := callgrind(pid, "-i", "on"); err != nil {
			return err
		}
		res := k.stack.Client.Closed(k.conns, k.turn, k.pick)
		if err := res.Check(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if err := errors.Join(callgrind(pid, "-i", "off"), callgrind(pid, "-d")); err != nil {
			return err
		}
		n, err := counted(b.testbed.Dir, pid)
		if err != nil {
			return err
		}
		b.say("%-32s %8.1f thousand instructions of Envoy's for an exchange", k.name, n/float64(res.Requests)/1000)
	}
	return nil
}

// countEnvoy makes all further Envoys run under valgrind.
func countEnvoy(tb *testbed.Testbed) error {
	for _, tool := range []string{"valgrind", "callgrind_control"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("-instructions needs valgrind: %w", err)
		}
	}
	envoy, err := filepath.Abs(tb.Envoy)
	if err != nil {
		return err
	}
	tb.Envoy = filepath.Join(tb.Dir, "envoy-counted")
	script := fmt.Sprintf("#!/bin/sh\nexec valgrind --tool=callgrind --trace-children=yes --instr-atstart=no --callgrind-out-file='%s/callgrind.%%p' '%s' \"$@\"\n", tb.Dir, envoy)
	return os.WriteFile(tb.Envoy, []byte(script), 0o700)
}

// callgrind sends one command to valgrind.
func callgrind(pid int, args ...string) error {
	out, err := exec.Command("callgrind_control", append(args, strconv.Itoa(pid))...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("callgrind_control: %w\n%s", err, out)
	}
	return nil
}

var totals = regexp.MustCompile(`(?m)^totals: (\d+)$`)

// counted reads and removes the dump of the process. Each dump is a file of its
// own.
func counted(dir string, pid int) (float64, error) {
	files, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("callgrind.%d.*", pid)))
	if err != nil || len(files) != 1 {
		return 0, fmt.Errorf("callgrind left %d dumps of process %d", len(files), pid)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return 0, err
	}
	m := totals.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("callgrind counted nothing for process %d", pid)
	}
	if err := os.Remove(files[0]); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// writeProfiles writes CPU profiles of sealmesh under load, for go tool pprof.
// Only -profile runs it.
func writeProfiles(ctx context.Context, b *bench, dir string) error {
	for _, conns := range []int{1, 16} {
		file := fmt.Sprintf("%s/sealmesh-c%d.prof", dir, conns)
		spec := testbed.Spec{Name: fmt.Sprintf("profiled-%d", conns), Kind: testbed.Embedded, Args: []string{"-procs", "1", "-cpuprofile", file}}
		t := trial{id: fmt.Sprintf("profile/c%d", conns), contestants: []contestant{{nameOurs, spec, "/both/1"}},
			body: load.NewDocument(2*kib, 5), conns: conns, turn: 8 * time.Second, rounds: 1}
		if err := b.run(ctx, t); err != nil {
			return err
		}
		b.stacks[spec.Name].Stop() // writes the profile
		b.say("profile in %s", file)
	}
	return nil
}
