// Command sealmesh seals and opens tagged fields of HTTP bodies for Envoy.
// This package wires the others together, and is the only one that does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line, until it is done or told to stop, and returns
// its exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(root.ErrOrStderr(), message(err))
	return codeOf(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealmesh",
		Short: "Seal and open tagged fields of HTTP bodies, next to Envoy",
		Long: `sealmesh sits beside Envoy as an ext_proc service. It seals tagged values of
request and response bodies and opens them again, under data keys that a KMS or
an HSM wraps, and records every key use as an OpenTelemetry span.

Begin with "sealmesh demo". Exit codes: 0 ok, 1 failure, 2 usage, 3 policy
invalid, 4 KMS or HSM unreachable or refusing, 5 findings.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := c.ValidateRequiredFlags(); err != nil {
				return usageError{c, err}
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{c, err} })
	root.AddCommand(newServe(), newCheck(), newApply(), newInspect(), newKeys(), newRewrap(),
		newAdmin(), newEnvoy(), newSchema(), newDemo(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the Go version and the FIPS mode",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), buildInfo())
			return err
		},
	}
}
