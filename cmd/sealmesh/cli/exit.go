// Package cli holds what the commands of sealmesh share: exit codes, errors and
// flags, reading a policy, and the sealmesh server that a command runs in its
// own process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Exit codes, as the help of the root command lists them.
const (
	ExitOK       = 0
	ExitFailure  = 1
	ExitUsage    = 2
	ExitPolicy   = 3
	ExitKey      = 4
	ExitFindings = 5
)

// ErrFindings says that a command worked and found something to report.
var ErrFindings = errors.New("findings")

// usageError is an invalid command line.
type usageError struct {
	command *cobra.Command
	err     error
}

func (e usageError) Error() string { return e.err.Error() }

// UsageError returns an error that exits with ExitUsage and points to the help
// of c.
func UsageError(c *cobra.Command, err error) error { return usageError{c, err} }

// Exit prints err to w, unless it is nil, and returns the exit code.
func Exit(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	fmt.Fprintln(w, Message(err))
	return codeOf(err)
}

func codeOf(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	if _, ok := errors.AsType[policy.Problems](err); ok {
		return ExitPolicy
	}
	if _, ok := errors.AsType[*hsm.Error](err); ok {
		return ExitKey
	}
	if errors.Is(err, ErrFindings) {
		return ExitFindings
	}
	return ExitFailure
}

// Message returns the text of err for a person.
func Message(err error) string {
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

// NoArgs refuses arguments. For a command that has subcommands it reports an
// unknown command and suggests a similar name.
func NoArgs(c *cobra.Command, args []string) error {
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
