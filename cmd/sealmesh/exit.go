package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Exit codes, as the root command's help lists them.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitPolicy   = 3
	exitKey      = 4
	exitFindings = 5
)

// A usageError is a command line that makes no sense.
type usageError struct {
	command *cobra.Command
	err     error
}

func (e usageError) Error() string { return e.err.Error() }

// errFindings: the command worked, and found something.
var errFindings = errors.New("findings")

func codeOf(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[policy.Problems](err); ok {
		return exitPolicy
	}
	if _, ok := errors.AsType[*hsm.Error](err); ok {
		return exitKey
	}
	if errors.Is(err, errFindings) {
		return exitFindings
	}
	return exitFailure
}

// message is what a person reads of err.
func message(err error) string {
	if e, ok := errors.AsType[usageError](err); ok {
		return fmt.Sprintf("sealmesh: %v\nRun '%s --help' for usage.", e.err, e.command.CommandPath())
	}
	if p, ok := errors.AsType[policy.Problems](err); ok {
		return p.Error()
	}
	if errors.Is(err, context.Canceled) {
		return "sealmesh: interrupted"
	}
	return "sealmesh: " + err.Error()
}

// noArgs refuses arguments, and names an unknown command as what it is.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		hint := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("; did you mean %q?", near[0])
		}
		return usageError{c, fmt.Errorf("unknown command %q for %q%s", args[0], c.CommandPath(), hint)}
	}
	return usageError{c, fmt.Errorf("%s takes no arguments, but got %q", c.CommandPath(), args[0])}
}

func buildInfo() string {
	return fmt.Sprintf("sealmesh %s (%s %s/%s, FIPS 140-3 mode %s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, fipsMode())
}
