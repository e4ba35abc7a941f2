// Package check implements "sealmesh check" and "sealmesh schema".
package check

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/proxy/envoycheck"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Command returns "sealmesh check".
func Command() *cobra.Command {
	var config, envoy string
	var strict bool
	c := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a policy file, and an Envoy configuration against it",
		Long: `Check a policy file and print all problems at once, each with its line and
column. No KMS is called; "sealmesh keys verify" does that. Notes point out what a
valid policy allows although its author may not expect it.

With --envoy, also check an Envoy configuration, whether sealmesh generated it or
not. The file is YAML or JSON: a bootstrap, an EnvoyFilter or, best, the complete
dump of a running Envoy, which includes what Envoy received by xDS:

  curl 'http://ENVOY-ADMIN/config_dump?include_eds' > dump.json
  sealmesh check -c policy.yaml --envoy dump.json

The check covers every route that a protected request may take. Each finding has
one of three kinds:

  IN CLEAR   values can pass unprotected: the filter is missing, disabled, fails
             open or uses another service; another listener or route leads to
             the same upstream; a body mode hides bodies from sealmesh
  not seen   the file does not contain what the check needs
  breaks     exchanges fail: messages are not sent to sealmesh, or a timeout is
             too short

Exit codes: 0 valid, 3 policy invalid, 5 findings about Envoy, or warnings with
--strict.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := cli.ReadPolicy(config)
			if err != nil {
				return err
			}
			printPolicy(c, p, config)
			if envoy != "" {
				if err := checkEnvoy(c, p, envoy); err != nil {
					return err
				}
			}
			if strict && len(p.Warnings) > 0 {
				return fmt.Errorf("%w: %s", cli.ErrFindings, cli.Count(len(p.Warnings), "warning"))
			}
			return nil
		},
	}
	cli.ConfigFlag(c, &config)
	c.Flags().StringVar(&envoy, "envoy", "", "Envoy configuration `FILE` to check against the policy")
	c.Flags().BoolVar(&strict, "strict", false, "exit with 5 if there are warnings")
	return c
}

// printPolicy prints the warnings and notes of p, and a summary.
func printPolicy(c *cobra.Command, p *policy.Policy, file string) {
	for _, w := range p.Warnings {
		fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", w.Error())
	}
	for _, a := range p.Advice {
		fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", a.Error())
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: valid: %s, %s, %s\n", file,
		cli.Count(len(p.Keys), "key"), cli.Count(len(p.Tags), "tag"), cli.Count(len(p.Routes), "route"))
	if p.FIPS {
		fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", file, cli.FIPSState())
	}
	printFormer(p, c.OutOrStdout(), c.ErrOrStderr())
}

// printFormer names the former targets of every alias of p, and warns of URIs
// that cannot be parsed.
func printFormer(p *policy.Policy, w, warn io.Writer) {
	for _, k := range p.Keys {
		for _, uri := range k.KEKs {
			former, err := keyset.FormerTargets(uri)
			if err != nil {
				fmt.Fprintf(warn, "warning: key %s: %v\n", k.Name, err)
			}
			for _, kek := range former {
				fmt.Fprintf(w, "key %s: %s, a former target of %s, still opens what it wrapped while it is enabled\n", k.Name, kek.URI, uri)
			}
		}
	}
}

// checkEnvoy prints the findings about the Envoy configuration in file.
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
		return fmt.Errorf("%w: %s in %s", cli.ErrFindings, cli.Count(len(findings), "finding"), file)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: sends sealmesh what the policy needs, and fails closed\n", file)
	return nil
}
