// Command bench measures sealmesh and its alternatives behind a real Envoy, and
// writes a report: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/sealmesh/sealmesh/bench/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := measure
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "serve" {
		run, args = serve, args[1:]
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	quick := flags.Bool("quick", false, "fewer cases and rounds: under two minutes")
	out := flags.String("out", "", "folder for the results (default bench/results/<date>)")
	only := flags.String("run", "", "run only the experiments whose name matches this regular expression")
	binary := flags.String("sealmesh", "build/sealmesh", "the binary to measure: make build")
	rounds := flags.Float64("rounds", 1, "multiply the number of rounds by this")
	profile := flags.String("profile", "", "write CPU profiles of sealmesh to this folder, and do nothing else")
	instructions := flags.Bool("instructions", false, "count Envoy's instructions for an exchange, under valgrind, and do nothing else")
	drawn := flags.String("redraw", "", "write the report in this folder again from its raw.json, and do nothing else")
	seed := flags.Uint64("seed", 1, "of the arrival times of open loops")
	_ = flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *drawn != "" {
		return redraw(*drawn)
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	envoy, err := testbed.FindEnvoy()
	if err != nil {
		return err
	}
	if _, err := os.Stat(*binary); err != nil {
		return errors.New("no sealmesh binary: run `make build` first")
	}
	dir, err := os.MkdirTemp("", "sealmesh-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tb, err := testbed.New(envoy, *binary, dir)
	if err != nil {
		return err
	}
	defer tb.Close()
	if *out == "" {
		*out = filepath.Join("bench", "results", time.Now().Format("2006-01-02"))
	}
	b := newBench(tb, newProgress(os.Stderr))
	b.quick, b.rounds, b.seed = *quick, *rounds, *seed
	if *profile != "" {
		return writeProfiles(ctx, b, *profile)
	}
	if *instructions {
		return countInstructions(ctx, b)
	}
	if err := b.all(ctx, match); err != nil {
		return err
	}
	return b.write(*out)
}
