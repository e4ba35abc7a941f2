// Package fromschema implements "sealmesh policy from-schema".
package fromschema

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/proxy/policy/apischema"
)

// Command returns "sealmesh policy".
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Write rules of a policy",
		Args:  cli.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(fromSchema())
	return c
}

// options are the flags of the command.
type options struct {
	request, response  string
	name, method, path string
}

func fromSchema() *cobra.Command {
	var opt options
	c := &cobra.Command{
		Use:   "from-schema FILE",
		Short: "Write the rules that the tags in an API's schema ask for",
		Long: `Read an OpenAPI 3.0 or 3.1 document, or a JSON Schema, in YAML or JSON, and print
routes with rules for the values that it tags:

  ssn: {type: string, x-sealmesh-tag: pii.ssn}

Paste the output into a policy that defines the tags. The rules are plain, so that a
reader sees what is protected. "sealmesh check" warns when the schema has changed
since. Notes say where rules match more than the schema describes.

A JSON Schema knows no operations: --path and --method name the one that has such
bodies. A tag that leads to no rule is an error.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.UsageError(c, fmt.Errorf("needs one FILE, got %d", len(args)))
			}
			if err := opt.check(); err != nil {
				return cli.UsageError(c, err)
			}
			return write(c, args[0], opt)
		},
	}
	c.Flags().StringVar(&opt.request, "request", "seal", "what happens to tagged values of requests: seal, open or none")
	c.Flags().StringVar(&opt.response, "response", "open", "the same for responses")
	c.Flags().StringVar(&opt.path, "path", "", "`PATH` template of the route of a JSON Schema")
	c.Flags().StringVar(&opt.method, "method", "", "`METHOD` of that route; all if left out")
	c.Flags().StringVar(&opt.name, "name", "", "`NAME` of that route; its path if left out")
	return c
}

func (o *options) check() error {
	for _, do := range []string{o.request, o.response} {
		switch apischema.Action(do) {
		case apischema.Seal, apischema.Open, apischema.None:
		default:
			return fmt.Errorf("%q is none of seal, open, none", do)
		}
	}
	return nil
}

// write prints the part of a policy that file asks for.
func write(c *cobra.Command, file string, opt options) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	api, err := apischema.Read(src)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if api.Tags == 0 {
		return fmt.Errorf("%s: no tags: write %s beside the type of a value", file, apischema.Keyword)
	}
	if err := opt.complete(c, api); err != nil {
		return err
	}
	for _, n := range api.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", n)
	}
	routes := api.Policy(apischema.Action(opt.request), apischema.Action(opt.response))
	_, err = fmt.Fprintf(c.OutOrStdout(), "# From %s: %s.\nwritten_from: {%s: %x}\nroutes:\n%s", filepath.Base(file), cli.Count(api.Tags, "tag"),
		apischema.Quote(file), sha256.Sum256(src), routes)
	return err
}

// complete names the route of a JSON Schema.
func (o *options) complete(c *cobra.Command, api *apischema.API) error {
	given := o.path != "" || o.method != "" || o.name != ""
	switch r := &api.Routes[0]; {
	case r.Path != "" && given:
		return cli.UsageError(c, errors.New("--path, --method and --name are for a JSON Schema; an OpenAPI document has its own"))
	case r.Path == "" && o.path == "":
		return cli.UsageError(c, errors.New("a JSON Schema needs --path PATH, the route that has such bodies"))
	case r.Path == "":
		r.Path, r.Method, r.Name = o.path, o.method, o.name
		if r.Name == "" {
			r.Name = o.path
		}
	}
	return nil
}
