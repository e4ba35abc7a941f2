// Package keys implements "sealmesh keys": commands that make, verify and
// document keys.
package keys

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/keycache/store/postgres"
)

// Command returns "sealmesh keys" with its subcommands.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make, verify and document keys",
		Args:  cli.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCommand(), verifyCommand(), policyCommand(), importCommand(), storeSchema())
	return c
}

func storeSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "store-schema",
		Short: "Print the SQL that creates the table of a PostgreSQL store",
		Args:  cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), postgres.Schema)
			return err
		},
	}
}
