package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

func newApply() *cobra.Command {
	var config, direction string
	var body proxy.Body
	c := &cobra.Command{
		Use:   "apply --config FILE --route NAME --direction request|response",
		Short: "Run a policy over standard input",
		Long: `Run the rules of one direction of a route over standard input, in bounded
memory, and write the result to standard output: the way to try a policy on a
file, and to see what Envoy would forward.

Key uses are recorded as by "serve" when OTEL_EXPORTER_OTLP_ENDPOINT names a
collector, and are written to standard error otherwise.

  sealmesh apply -c policy.yaml --route customers --direction request < in.json

--param id=9 says what {id} stands for in the path of a route whose tags are bound to it
(context_from).`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch direction {
			case "request", "response":
				body.Response = direction == "response"
			default:
				return usageError{c, fmt.Errorf("--direction %q: use request or response", direction)}
			}
			return apply(c.Context(), config, body, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &config)
	f := c.Flags()
	f.StringVar(&body.Route, "route", "", "name of the route")
	f.StringVar(&direction, "direction", "", "request or response")
	f.StringVar(&body.ContentType, "content-type", "application/json", "content type of the input")
	paramFlag(c, &body.Params)
	_ = c.MarkFlagRequired("route")
	_ = c.MarkFlagRequired("direction")
	return c
}

// paramFlag reads path parameters, decoded. It may be given more than once.
func paramFlag(c *cobra.Command, params *map[string]string) {
	c.Flags().StringToStringVar(params, "param", nil, "path parameter that tags are bound to, NAME=VALUE, decoded")
}

func apply(ctx context.Context, config string, body proxy.Body, in io.Reader, out, errOut io.Writer) (err error) {
	server, done, err := commandServer(ctx, config, errOut)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	w := bufio.NewWriter(out)
	if err := server.Apply(ctx, body, in, w); err != nil {
		return err
	}
	return w.Flush()
}

// commandServer readies the policy of a command that seals or opens as a sidecar does,
// with keys that are proven when they are used. done closes it, and the record of key uses.
func commandServer(ctx context.Context, config string, w io.Writer) (server *proxy.Server, done func() error, err error) {
	p, recorder, end, err := commandSetup(ctx, config, w)
	if err != nil {
		return nil, nil, err
	}
	r := &reloader{config: config, log: slog.New(slog.DiscardHandler), recorder: recorder, metrics: new(proxy.Metrics), unproven: true}
	rt, err := r.build(ctx, p)
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	server = proxy.NewServer(rt, r.metrics, r.log, nil)
	return server, func() error { server.Close(); return end() }, nil
}

// commandSetup reads the policy of a command that uses keys, and opens the record of
// their use, which done closes: what it takes has five seconds to be sent.
func commandSetup(ctx context.Context, config string, w io.Writer) (p *policy.Policy, recorder *keyuse.Recorder, done func() error, err error) {
	if p, err = readPolicy(config); err != nil {
		return nil, nil, nil, err
	}
	if err = requireFIPS(p); err != nil {
		return nil, nil, nil, err
	}
	if recorder, err = commandRecorder(p, w); err != nil {
		return nil, nil, nil, err
	}
	return p, recorder, func() error {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return recorder.Close(end)
	}, nil
}

// commandRecorder records the key uses of a command: with the collector that the
// environment names, else as lines on w.
func commandRecorder(p *policy.Policy, w io.Writer) (*keyuse.Recorder, error) {
	getenv := os.Getenv
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		getenv = func(name string) string {
			if name == "OTEL_TRACES_EXPORTER" {
				return "console"
			}
			return os.Getenv(name)
		}
	}
	return keyuse.Open(keyuse.Options{
		Required: p.Audit.Required,
		Resource: useResource(p),
		Getenv:   getenv,
		Console:  w,
		Log:      slog.New(slog.DiscardHandler),
	})
}
