package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

func newCheck() *cobra.Command {
	var config string
	var strict bool
	c := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a policy file without running it",
		Long: `Check a policy file and print every problem at once, with its line, column and a
caret. No key is touched: "sealmesh keys verify" does that.

Exit codes: 0 valid, 3 invalid, 5 valid with warnings under --strict.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := readPolicy(config)
			if err != nil {
				return err
			}
			for _, w := range p.Warnings {
				fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", w.Error())
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: valid: %s, %s, %s\n", config,
				count(len(p.Keys), "key"), count(len(p.Tags), "tag"), count(len(p.Routes), "route"))
			if strict && len(p.Warnings) > 0 {
				return fmt.Errorf("%w: %s", errFindings, count(len(p.Warnings), "warning"))
			}
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().BoolVar(&strict, "strict", false, "exit with 5 when there are warnings")
	return c
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rulesOf lists a plan's rules as "path": "seal tag".
func rulesOf(p *policy.Policy, plan *policy.Plan) map[string]string {
	if plan == nil {
		return nil
	}
	out := make(map[string]string, len(plan.Rules))
	for _, r := range plan.Rules {
		op := "seal "
		if r.Open {
			op = "open "
		}
		out[r.Path] = op + p.Tags[r.Tag].Name
	}
	return out
}

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policy files, for editors",
		Long: `Print the JSON Schema of policy files. Editors with a YAML language server use it
after a first line like

  # yaml-language-server: $schema=sealmesh.schema.json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", policy.Schema())
			return err
		},
	}
}
