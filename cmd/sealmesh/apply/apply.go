// Package apply implements "sealmesh apply".
package apply

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy"
)

// Command returns "sealmesh apply".
func Command() *cobra.Command {
	var config, direction string
	var target proxy.ApplyTarget
	c := &cobra.Command{
		Use:   "apply --config FILE --route NAME --direction request|response [BODY]",
		Short: "Apply the rules of a route to a file or standard input",
		Long: `Apply the rules of one direction of a route to a body, and write the body that
Envoy would forward to standard output. Memory use is bounded for bodies of any
size.

  sealmesh apply -c policy.yaml --route customers --direction request in.json
  sealmesh apply -c policy.yaml --route upload --direction request --type text/csv < in.txt

The body is the file BODY, or standard input. --type says what it is; without it
the extension of BODY does, and standard input is JSON. For gRPC, --path names the
method where the path of the route does not.

Key uses are recorded as "sealmesh serve" records them if
OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Otherwise they are written to
standard error.

If tags of the route are bound to a path parameter (context_from), give its value
with --param: --param id=9 stands for {id} in the path.`,
		RunE: func(c *cobra.Command, args []string) error {
			switch direction {
			case "request", "response":
				target.Response = direction == "response"
			default:
				return cli.UsageError(c, fmt.Errorf("--direction %q: use request or response", direction))
			}
			if len(args) > 1 {
				return cli.UsageError(c, errors.New("give one BODY"))
			}
			if len(args) == 0 {
				target.ContentType = cmp.Or(target.ContentType, "application/json")
				return apply(c.Context(), config, target, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
			}
			target.ContentType = cmp.Or(target.ContentType, typeOf(args[0]))
			if target.ContentType == "" {
				return cli.UsageError(c, fmt.Errorf("the name of %s does not say what it is: say it with --type, such as --type text/csv", args[0]))
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("apply: %w", err)
			}
			defer f.Close()
			return apply(c.Context(), config, target, f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &config)
	f := c.Flags()
	f.StringVar(&target.Route, "route", "", "`NAME` of the route")
	f.StringVar(&direction, "direction", "", "`DIRECTION` of the body: request or response")
	f.StringVar(&target.ContentType, "type", "", "content `TYPE` of the body (default: by its extension)")
	f.StringVar(&target.ContentType, "content-type", "", "the same as --type")
	_ = f.MarkHidden("content-type")
	f.StringVar(&target.Path, "path", "", "`PATH` of the request, such as /acme.Orders/Put (default: that of the route)")
	cli.ParamFlag(c, &target.Params)
	_ = c.MarkFlagRequired("route")
	_ = c.MarkFlagRequired("direction")
	return c
}

// extensions are the media types of files.
var extensions = map[string]string{
	".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson",
	".pb": "application/protobuf", ".binpb": "application/protobuf", ".xml": "application/xml", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
}

// typeOf returns the media type of a file that sealmesh reads, as its extension
// says; "" if it does not.
func typeOf(name string) string {
	t := extensions[strings.ToLower(filepath.Ext(name))]
	if formats.Table().Detect(t).Format == nil {
		return ""
	}
	return t
}

func apply(ctx context.Context, config string, target proxy.ApplyTarget, in io.Reader, out, errOut io.Writer) (err error) {
	server, done, err := cli.OpenServer(ctx, config, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	w := bufio.NewWriter(out)
	if err := server.Apply(ctx, target, in, w); err != nil {
		return err
	}
	return w.Flush()
}
