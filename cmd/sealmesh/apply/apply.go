// Package apply implements "sealmesh apply".
package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/proxy"
)

// Command returns "sealmesh apply".
func Command() *cobra.Command {
	var config, direction string
	var target proxy.ApplyTarget
	c := &cobra.Command{
		Use:   "apply --config FILE --route NAME --direction request|response",
		Short: "Apply the rules of a route to standard input",
		Long: `Apply the rules of one direction of a route to a body on standard input, and write
the body that Envoy would forward to standard output. Memory use is bounded for
bodies of any size.

  sealmesh apply -c policy.yaml --route customers --direction request < in.json

Key uses are recorded as "sealmesh serve" records them if
OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Otherwise they are written to
standard error.

If tags of the route are bound to a path parameter (context_from), give its value
with --param: --param id=9 stands for {id} in the path.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch direction {
			case "request", "response":
				target.Response = direction == "response"
			default:
				return cli.UsageError(c, fmt.Errorf("--direction %q: use request or response", direction))
			}
			return apply(c.Context(), config, target, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &config)
	f := c.Flags()
	f.StringVar(&target.Route, "route", "", "`NAME` of the route")
	f.StringVar(&direction, "direction", "", "`DIRECTION` of the body: request or response")
	f.StringVar(&target.ContentType, "content-type", "application/json", "content `TYPE` of the input")
	cli.ParamFlag(c, &target.Params)
	_ = c.MarkFlagRequired("route")
	_ = c.MarkFlagRequired("direction")
	return c
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
