// Command sealmesh seals and opens tagged fields of HTTP bodies for Envoy.
// See "sealmesh --help".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/admin"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/apply"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/check"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/demo"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/envoy"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/fromschema"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/inspect"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keys"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/rewrap"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/serve"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line until it ends or a signal interrupts it, and
// returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	return cli.Exit(root.ErrOrStderr(), root.ExecuteContext(ctx))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealmesh",
		Short: "Seal and open tagged fields of HTTP bodies, next to Envoy",
		Long: `sealmesh runs beside Envoy as an ext_proc service. It seals tagged values of
request and response bodies and opens them again, under data keys that a KMS or an
HSM wraps. It records every key use as an OpenTelemetry span.

Begin with "sealmesh demo".

Exit codes: 0 ok, 1 failure, 2 usage, 3 policy invalid, 4 KMS or HSM unavailable or
refusing, 5 findings.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cli.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := c.ValidateRequiredFlags(); err != nil {
				return cli.UsageError(c, err)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(cli.UsageError)
	addCommands(root, "Run:", serve.Command(), admin.Command(), demo.Command())
	addCommands(root, "Policy:", check.Command(), apply.Command(), envoy.Command(), fromschema.Command(), check.SchemaCommand())
	addCommands(root, "Keys and envelopes:", keys.Command(), rewrap.Command(), inspect.Command())
	root.AddCommand(newVersion())
	return root
}

// addCommands adds commands to root under a title in its help.
func addCommands(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		root.AddCommand(c)
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, commit, Go version and FIPS mode",
		Args:  cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), cli.BuildInfo())
			return err
		},
	}
}
