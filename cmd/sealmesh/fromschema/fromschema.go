// Package fromschema implements "sealmesh policy from-schema".
package fromschema

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	printProto         bool
	protobufOptions
}

func fromSchema() *cobra.Command {
	var opt options
	c := &cobra.Command{
		Use:   "from-schema FILE...",
		Short: "Write the rules that the tags in an API's schema ask for",
		Long: `Print routes with rules for the values that a schema tags. The schema is an OpenAPI
3.0 or 3.1 document or a JSON Schema, in YAML or JSON:

  ssn: {type: string, x-sealmesh-tag: pii.ssn}

or a descriptor set of protobuf, with all its imports, or .proto files:

  string ssn = 1 [(sealmesh.tag) = "pii.ssn"];

Paste the output into a policy that defines the tags. The rules are plain, so that a
reader sees what is protected. "sealmesh check" warns when the schema has changed
since. Notes say where rules match more than the schema describes. A tag that leads to
no rule is an error.

A JSON Schema knows no operations: --path and --method name the one that has such
bodies. In protobuf each method of a service is a route of gRPC; --message and --path
say that bodies are one message instead.

  sealmesh policy from-schema --print-proto > sealmesh/tag.proto
  sealmesh policy from-schema orders.proto --write-set orders.binpb
  sealmesh policy from-schema orders.binpb --message acme.Order --path /orders`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case opt.printProto && len(args) > 0:
				return cli.UsageError(c, errors.New("--print-proto takes no FILE"))
			case opt.printProto:
				_, err := fmt.Fprint(c.OutOrStdout(), apischema.TagProto())
				return err
			case len(args) == 0:
				return cli.UsageError(c, errors.New("needs a FILE"))
			case len(args) > 1 && slices.ContainsFunc(args, func(f string) bool { return !strings.HasSuffix(f, ".proto") }):
				return cli.UsageError(c, errors.New("only .proto files can be several"))
			}
			if err := opt.check(); err != nil {
				return cli.UsageError(c, err)
			}
			return write(c, args, opt)
		},
	}
	c.Flags().StringVar(&opt.request, "request", "seal", "what happens to tagged values of requests: seal, open or none")
	c.Flags().StringVar(&opt.response, "response", "open", "the same for responses")
	c.Flags().StringVar(&opt.path, "path", "", "`PATH` template of the route of a JSON Schema, or of --message")
	c.Flags().StringVar(&opt.method, "method", "", "`METHOD` of that route; all if left out")
	c.Flags().StringVar(&opt.name, "name", "", "`NAME` of that route; its path if left out")
	c.Flags().BoolVar(&opt.printProto, "print-proto", false, "print sealmesh/tag.proto, which declares the option (sealmesh.tag)")
	opt.flags(c)
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

// write prints the part of a policy that files ask for.
func write(c *cobra.Command, files []string, opt options) error {
	api, from, err := opt.read(c, files)
	if err != nil {
		return err
	}
	if api.Tags == 0 {
		return fmt.Errorf("%s: no tags: write %s or (sealmesh.tag) beside the type of a value", files[0], apischema.Keyword)
	}
	if err := opt.complete(c, api); err != nil {
		return err
	}
	for _, n := range api.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", n)
	}
	written := make([]string, len(from))
	for i, s := range from {
		written[i] = fmt.Sprintf("%s: %x", apischema.Quote(s.file), s.hash)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "# From %s: %s.\nwritten_from: {%s}\nroutes:\n%s", filepath.Base(files[0]), cli.Count(api.Tags, "tag"),
		strings.Join(written, ", "), api.Policy(apischema.Action(opt.request), apischema.Action(opt.response)))
	return err
}

// read reads a schema of any kind.
func (o *options) read(c *cobra.Command, files []string) (*apischema.API, []source, error) {
	api, from, ok, err := o.protobuf(c, files)
	if ok || err != nil {
		return api, from, err
	}
	if err := refuseProtobufFlags(c); err != nil {
		return nil, nil, err
	}
	src, err := os.ReadFile(files[0])
	if err != nil {
		return nil, nil, err
	}
	if api, err = apischema.Read(src, o.Confluent); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", files[0], err)
	}
	return api, []source{{files[0], sha256.Sum256(src)}}, nil
}

// complete names the route of bodies that have no operation.
func (o *options) complete(c *cobra.Command, api *apischema.API) error {
	given := o.path != "" || o.method != "" || o.name != ""
	switch r := &api.Routes[0]; {
	case r.Path != "" && given:
		return cli.UsageError(c, errors.New("--path, --method and --name are for a JSON Schema and for --message; other schemas have their own"))
	case r.Path == "" && o.path == "":
		return cli.UsageError(c, errors.New("a JSON Schema needs --path PATH, the route that has such bodies, and so does --message"))
	case r.Path == "":
		r.Path, r.Method, r.Name = o.path, o.method, o.name
		if r.Name == "" {
			r.Name = o.path
		}
	}
	return nil
}
