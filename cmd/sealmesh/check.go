package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/proxy/envoycheck"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

func newCheck() *cobra.Command {
	var config, envoy string
	var strict bool
	c := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a policy file, and an Envoy configuration against it",
		Long: `Check a policy file and print every problem at once, with its line, column and a
caret. No key is touched: "sealmesh keys verify" does that. Notes say what a valid
policy may do that its author does not expect.

With --envoy it reads an Envoy configuration too, generated or not, as YAML or
JSON: a bootstrap, an EnvoyFilter, or best the whole dump of a running Envoy,
which has what comes by xDS as well:

  curl 'http://ENVOY-ADMIN/config_dump?include_eds' > dump.json
  sealmesh check -c policy.yaml --envoy dump.json

It says what lets values pass in clear ("IN CLEAR"), what this file does not tell
("not seen"), and what breaks exchanges ("breaks"): a filter that is missing,
disabled, fails open or asks somebody else, on any route that a protected request
may take; other ways to the same service; body modes that hide bodies; messages
that are not asked for; time that is too short.

Exit codes: 0 valid, 3 invalid, 5 findings about Envoy, or warnings under --strict.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := readPolicy(config)
			if err != nil {
				return err
			}
			for _, w := range p.Warnings {
				fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", w.Error())
			}
			for _, a := range p.Advice {
				fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", a.Error())
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: valid: %s, %s, %s\n", config,
				count(len(p.Keys), "key"), count(len(p.Tags), "tag"), count(len(p.Routes), "route"))
			if p.FIPS {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", config, fipsState())
			}
			printFormer(p, c.OutOrStdout(), c.ErrOrStderr())
			if envoy != "" {
				if err := checkEnvoy(c, p, envoy); err != nil {
					return err
				}
			}
			if strict && len(p.Warnings) > 0 {
				return fmt.Errorf("%w: %s", errFindings, count(len(p.Warnings), "warning"))
			}
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&envoy, "envoy", "", "an Envoy configuration to check against the policy")
	c.Flags().BoolVar(&strict, "strict", false, "exit with 5 when there are warnings")
	return c
}

// checkEnvoy prints what is wrong with the Envoy configuration in file.
func checkEnvoy(c *cobra.Command, p *policy.Policy, file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	findings, err := envoycheck.Check(p, src)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, f := range findings {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", file, f)
	}
	if len(findings) > 0 {
		return fmt.Errorf("%w: %s in %s", errFindings, count(len(findings), "finding"), file)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: asks for what the policy needs, and fails closed\n", file)
	return nil
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
