package main

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// TestMain puts this test binary on PATH as "sealmesh", so that scripts and the
// tests through Envoy run the real command in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sealmesh": func() { os.Exit(run(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		// exits CODE COMMAND... runs a command that must end with that code; kms SPEC
		// makes a key without material in a fake AWS KMS, and sets $KEK to its URI,
		// $MONTH to a day in a month.
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "kms": startKMS},
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, not %s", code, want)
	}
}

// startKMS starts a fake KMS for the rest of a script. It makes an RSA key of
// 4096 bits for what is imported, which takes a busy machine seconds.
func startKMS(ts *testscript.TestScript, _ bool, args []string) {
	k, err := kmsfake.Start()
	ts.Check(err)
	ts.Defer(func() { _ = k.Close() })
	arn := k.CreateKey(kmsfake.Key{Origin: "EXTERNAL", Spec: args[0]})
	ts.Setenv("MONTH", time.Now().AddDate(0, 1, 0).UTC().Format(time.DateOnly))
	ts.Setenv("KEK", "awskms:///"+arn+"?timeout=1m&endpoint="+url.QueryEscape(k.URL()))
	for _, v := range cmdtest.AWSEnv() {
		name, value, _ := strings.Cut(v, "=")
		ts.Setenv(name, value)
	}
}
