package main

import "github.com/sealmesh/sealmesh/bench/testbed"

// The stacks that most experiments share. The generator of sealmesh configures
// all Envoys from one policy file. Baselines get the four BUFFERED pairs of
// messages that they are written for, sealmesh the form that the generator
// chooses.
var (
	bare   = testbed.Spec{Name: "bare", Kind: testbed.None}
	noop   = testbed.Spec{Name: "noop", Kind: testbed.Noop, Buffered: true}
	naive  = testbed.Spec{Name: "naive", Kind: testbed.Naive, Buffered: true}
	ours   = testbed.Spec{Name: "sealmesh", Kind: testbed.Sealmesh}
	traced = testbed.Spec{Name: "sealmesh-traced", Kind: testbed.Sealmesh, Spans: true}
	kept   = testbed.Spec{Name: "sealmesh-buffered", Kind: testbed.Sealmesh, Buffered: true}
	single = testbed.Spec{Name: "sealmesh-single", Kind: testbed.Sealmesh, Env: []string{"GOMAXPROCS=1"}}
	// wired is sealmesh in a process of the bench, which reports its
	// allocations.
	wired = testbed.Spec{Name: "sealmesh-wired", Kind: testbed.Embedded}
)

// Names of contestants that figures refer to.
const (
	nameNone    = "no ext_proc"
	nameSkip    = "sealmesh, route without rules"
	nameNoop    = "stock no-op"
	nameNaive   = "naive server"
	nameOurs    = "sealmesh"
	nameRequest = "sealmesh, request rules only"
)

// four lists the contestants of every comparison of bodies.
func four(path string) []contestant {
	return []contestant{
		{nameNone, bare, path}, {nameNoop, noop, path}, {nameNaive, naive, path}, {nameOurs, ours, path},
	}
}

// allForms are the ways to seal and open 2 KiB, or to leave it alone.
func allForms(quick bool) []contestant {
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
		contestant{"naive server, request rules only", naive, "/seal/1"},
		contestant{"sealmesh, request rules only, two BUFFERED pairs", kept, "/seal/1"},
		contestant{"sealmesh, GOMAXPROCS=1", single, "/both/1"},
		contestant{"sealmesh, body: streamed", ours, "/stream/1"},
		contestant{"sealmesh, request spans too", traced, "/both/1"},
	)
}
