package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/peer"
	"github.com/sealmesh/sealmesh/bench/rig"
)

// serve runs one peer: what the bench starts itself with, in a process of its own.
func serve(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve: which peer?")
	}
	var opt peer.Options
	l := peer.Shipped
	flags := flag.NewFlagSet("bench serve", flag.ExitOnError)
	flags.StringVar(&opt.Listen, "listen", "", "unix:///path of the ext_proc service")
	flags.StringVar(&opt.Admin, "admin", "", "unix:///path of /stats")
	config := flags.String("config", "", "policy file")
	flags.BoolVar(&l.GRPC, "grpc", false, "serve by grpc-go")
	flags.IntVar(&l.Window, "window", l.Window, "window of a stream, bytes")
	flags.IntVar(&l.GOGC, "gogc", l.GOGC, "percent")
	flags.Int64Var(&l.MemoryLimit, "memory-limit", 0, "bytes")
	flags.IntVar(&l.Procs, "procs", 0, "GOMAXPROCS")
	flags.StringVar(&l.CPUProfile, "cpuprofile", "", "file")
	_ = flags.Parse(args[1:])
	switch rig.Kind(args[0]) {
	case rig.Noop:
		return peer.Serve(opt, peer.Noop{}, func() uint64 { return 0 })
	case rig.Straight:
		s, err := peer.NewStraight(ctx, load.Member)
		if err != nil {
			return err
		}
		defer func() {
			end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = s.Close(end)
		}()
		return peer.Serve(opt, s, s.Spans)
	case rig.Levers:
		return peer.ServeSealmesh(*config, opt.Admin, l)
	}
	return fmt.Errorf("serve: no peer is called %q", args[0])
}
