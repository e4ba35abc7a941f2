package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// writeProfiles writes CPU profiles of sealmesh under load, to be read with go tool pprof.
// It is not part of a run: -profile asks for it.
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
