package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/baseline"
	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// serve runs one processor in a process of its own; the bench starts itself
// with it.
func serve(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve: name a processor")
	}
	var opt baseline.Options
	settings := baseline.Shipped
	flags := flag.NewFlagSet("bench serve", flag.ExitOnError)
	flags.StringVar(&opt.Listen, "listen", "", "unix:///path of the ext_proc service")
	flags.StringVar(&opt.Admin, "admin", "", "unix:///path of /stats")
	config := flags.String("config", "", "policy file")
	flags.BoolVar(&settings.GRPC, "grpc", false, "serve by grpc-go")
	flags.IntVar(&settings.Window, "window", settings.Window, "window of a stream, bytes")
	flags.IntVar(&settings.GOGC, "gogc", settings.GOGC, "percent")
	flags.Int64Var(&settings.MemoryLimit, "memory-limit", 0, "bytes")
	flags.IntVar(&settings.Procs, "procs", 0, "GOMAXPROCS")
	flags.StringVar(&settings.CPUProfile, "cpuprofile", "", "file")
	_ = flags.Parse(args[1:])
	switch testbed.Kind(args[0]) {
	case testbed.Noop:
		return baseline.Serve(opt, baseline.Noop{}, func() uint64 { return 0 })
	case testbed.Naive:
		s, err := baseline.NewNaive(ctx, load.Member)
		if err != nil {
			return err
		}
		defer func() {
			end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = s.Close(end)
		}()
		return baseline.Serve(opt, s, s.Spans)
	case testbed.Embedded:
		return baseline.ServeSealmesh(*config, opt.Admin, settings)
	}
	return fmt.Errorf("serve: unknown processor %q", args[0])
}
