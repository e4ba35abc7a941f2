// Package envoy implements "sealmesh envoy".
package envoy

import (
	"errors"
	"fmt"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Command returns "sealmesh envoy".
func Command() *cobra.Command {
	var config string
	var opt bootstrap.Options
	var xds bool
	c := &cobra.Command{
		Use:   "envoy --config FILE (--upstream HOST:PORT | --xds)",
		Short: "Print a complete Envoy bootstrap for a policy",
		Long: `Print a complete Envoy bootstrap for a policy:

  - the ext_proc filter, which fails closed
  - a cluster for sealmesh with raised circuit breakers
  - for each route, the body modes and the fewest messages that its rules need
  - the filter disabled on routes that the policy skips

Apart from that, Envoy passes traffic as if it were not there; docs/envoy.md lists
the remaining differences.

  sealmesh envoy -c policy.yaml --upstream 127.0.0.1:8080 > envoy.yaml
  envoy -c envoy.yaml

With --xds the bootstrap is a few lines, which depend on no rule: Envoy gets all else
from "sealmesh serve", as the section envoy of the policy says. A reload then changes
rules and routes together, without a restart of Envoy.

  sealmesh envoy -c policy.yaml --xds > envoy.yaml

The section envoy of a policy, if it has upstream, takes the place of all other flags.

If the policy's listener uses tls, the --tls flags name Envoy's certificate and
the CA of sealmesh's certificate. Envoy reads those files when it starts.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := cli.ReadPolicy(config)
			if err != nil {
				return err
			}
			b, err := bootstrapOf(c, p, opt, xds)
			if err != nil {
				return err
			}
			out, err := bootstrap.YAML(b)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(out)
			return err
		},
	}
	cli.ConfigFlag(c, &config)
	c.Flags().BoolVar(&xds, "xds", false, "print the bootstrap of an Envoy that gets its configuration from sealmesh")
	flags(c.Flags(), &opt)
	return c
}

// flags adds the flags that set opt.
func flags(f *pflag.FlagSet, opt *bootstrap.Options) {
	f.StringVar(&opt.Listen, "listen", "127.0.0.1:10000", "`HOST:PORT` on which Envoy serves clients")
	f.StringVar(&opt.Upstream, "upstream", "", "`HOST:PORT` of the protected service")
	f.StringVar(&opt.Admin, "admin", "", "`HOST:PORT` of Envoy's admin endpoint (default none)")
	f.BoolVar(&opt.Buffered, "buffered", false, "let Envoy, not sealmesh, buffer bodies: for Envoy before 1.38 and for routes with retries")
	f.BoolVar(&opt.HTTP2, "http2", false, "use HTTP/2 to the upstream (gRPC)")
	f.StringVar(&opt.Processor, "processor", "", "`HOST:PORT` at which Envoy reaches sealmesh (default: listen of the policy)")
	f.DurationVar(&opt.Timeout, "timeout", 0, "longest `TIME` of an exchange (default unlimited)")
	f.DurationVar(&opt.IdleTimeout, "idle-timeout", 0, "longest `TIME` without traffic on an exchange (default unlimited)")
	f.DurationVar(&opt.UpstreamIdle, "upstream-idle", bootstrap.DefaultUpstreamIdle, "`TIME` that an idle connection to the service is kept; must be shorter than the service's own idle timeout")
	f.StringSliceVar(&opt.Upgrades, "upgrade", []string{"websocket"}, "`PROTOCOLS` that clients may upgrade to on routes without rules")
	f.BoolVar(&opt.ForwardedFor, "forwarded-for", false, "append the client's address to x-forwarded-for")
	f.StringVar(&opt.TLS.Cert, "tls-cert", "", "PEM `FILE` of Envoy's certificate; it must contain a name listed in tls.allow")
	f.StringVar(&opt.TLS.Key, "tls-key", "", "PEM `FILE` of the private key for --tls-cert")
	f.StringVar(&opt.TLS.CA, "tls-ca", "", "PEM `FILE` of the CA that signed sealmesh's certificate")
	f.StringVar(&opt.TLS.ServerName, "tls-server-name", "", "`NAME` in sealmesh's certificate: a DNS name or a URI such as a SPIFFE ID")
}

// bootstrapOf returns the bootstrap that the flags of c ask for.
func bootstrapOf(c *cobra.Command, p *policy.Policy, opt bootstrap.Options, xds bool) (*bootstrapv3.Bootstrap, error) {
	var given []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "xds" {
			given = append(given, "--"+f.Name)
		}
	})
	switch {
	case xds && len(given) > 0:
		return nil, cli.UsageError(c, fmt.Errorf("%s: with --xds the section envoy of the policy says it", strings.Join(given, ", ")))
	case xds:
		return bootstrap.ForXDS(p)
	case hasUpstream(p) && len(given) > 0:
		return nil, cli.UsageError(c, fmt.Errorf("%s: the policy has envoy.upstream, so that its section envoy says it", strings.Join(given, ", ")))
	case hasUpstream(p):
		return bootstrap.New(p, *p.Envoy)
	case opt.Upstream == "":
		return nil, cli.UsageError(c, errors.New("--upstream HOST:PORT is missing: the protected service"))
	}
	return bootstrap.New(p, opt)
}

func hasUpstream(p *policy.Policy) bool { return p.Envoy != nil && p.Envoy.Upstream != "" }
