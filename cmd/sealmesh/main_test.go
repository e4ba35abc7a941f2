package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts this test binary on PATH as "sealmesh", so that scripts and the
// tests through Envoy run the real command in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sealmesh": func() { os.Exit(run(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
