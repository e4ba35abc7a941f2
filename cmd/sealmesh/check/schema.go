package check

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// SchemaCommand returns "sealmesh schema".
func SchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policy files, for editors",
		Long: `Print the JSON Schema of policy files. An editor with a YAML language server uses
the schema if the policy file begins with this line:

  # yaml-language-server: $schema=sealmesh.schema.json`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", policy.Schema())
			return err
		},
	}
}
