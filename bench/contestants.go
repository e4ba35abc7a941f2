package main

import "github.com/sealmesh/sealmesh/bench/rig"

// The stacks that most experiments share. All Envoys are configured by sealmesh's own
// generator from one policy file. The peers are asked in the four BUFFERED pairs of messages
// that they are written for, sealmesh in the form that the generator chooses for it.
var (
	bare     = rig.Spec{Name: "bare", Kind: rig.None}
	noop     = rig.Spec{Name: "noop", Kind: rig.Noop, Buffered: true}
	straight = rig.Spec{Name: "straight", Kind: rig.Straight, Buffered: true}
	ours     = rig.Spec{Name: "sealmesh", Kind: rig.Sealmesh}
	traced   = rig.Spec{Name: "sealmesh-traced", Kind: rig.Sealmesh, Spans: true}
	kept     = rig.Spec{Name: "sealmesh-buffered", Kind: rig.Sealmesh, Buffered: true}
	single   = rig.Spec{Name: "sealmesh-single", Kind: rig.Sealmesh, Env: []string{"GOMAXPROCS=1"}}
	// wired is sealmesh in a process of the bench's, which can tell its allocations.
	wired = rig.Spec{Name: "sealmesh-wired", Kind: rig.Levers}
)

// Names of contestants that figures refer to.
const (
	nameNone     = "no ext_proc"
	nameSkip     = "sealmesh, route without rules"
	nameNoop     = "stock no-op"
	nameStraight = "straightforward server"
	nameOurs     = "sealmesh"
	nameRequest  = "sealmesh, request rules only"
)

// four are the contestants of every comparison of bodies.
func four(path string) []contestant {
	return []contestant{
		{nameNone, bare, path}, {nameNoop, noop, path}, {nameStraight, straight, path}, {nameOurs, ours, path},
	}
}

// forms are all the ways of having 2 KiB sealed, opened, or neither.
func forms(quick bool) []contestant {
	list := append(four("/both/1"),
		contestant{nameSkip, ours, "/skip/1"},
		contestant{nameRequest, ours, "/seal/1"},
		contestant{"sealmesh, four BUFFERED pairs", kept, "/both/1"},
	)
	if quick {
		return list
	}
	return append(list,
		contestant{"stock no-op, request phases only", noop, "/seal/1"},
		contestant{"straightforward server, request rules only", straight, "/seal/1"},
		contestant{"sealmesh, request rules only, two BUFFERED pairs", kept, "/seal/1"},
		contestant{"sealmesh, GOMAXPROCS=1", single, "/both/1"},
		contestant{"sealmesh, body: streamed", ours, "/stream/1"},
		contestant{"sealmesh, request spans too", traced, "/both/1"},
	)
}
