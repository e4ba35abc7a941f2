package main

import (
	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

func newEnvoy() *cobra.Command {
	var config string
	var opt bootstrap.Options
	c := &cobra.Command{
		Use:   "envoy --config FILE --upstream HOST:PORT",
		Short: "Print a complete Envoy bootstrap for a policy",
		Long: `Print a complete Envoy bootstrap for a policy: the ext_proc filter, failing
closed; a cluster for sealmesh with raised circuit breakers; per route the body
modes and the fewest phases that its rules need; routes that are skipped with
the filter disabled. Where the policy's listener has tls, the --tls flags say how
Envoy shows who it is and knows sealmesh; Envoy reads those files when it starts.
Otherwise Envoy behaves as if it were not there: docs/envoy.md lists what remains
different.

  sealmesh envoy -c policy.yaml --upstream 127.0.0.1:8080 > envoy.yaml
  envoy -c envoy.yaml`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := readPolicy(config)
			if err != nil {
				return err
			}
			b, err := bootstrap.New(p, opt)
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
	configFlag(c, &config)
	f := c.Flags()
	f.StringVar(&opt.Listen, "listen", "127.0.0.1:10000", "where clients connect")
	f.StringVar(&opt.Upstream, "upstream", "", "the protected service, host:port")
	f.StringVar(&opt.Admin, "admin", "", "Envoy's admin endpoint, host:port (default none)")
	f.BoolVar(&opt.Buffered, "buffered", false, "Envoy keeps buffered bodies, in place of sealmesh: for Envoy before 1.38, and for routes with retries")
	f.BoolVar(&opt.HTTP2, "http2", false, "speak HTTP/2 to the upstream (gRPC)")
	f.StringVar(&opt.Processor, "processor", "", "where Envoy reaches sealmesh, host:port (default: where the policy has it listen)")
	f.DurationVar(&opt.Timeout, "timeout", 0, "how long an exchange may take (default as long as the service takes)")
	f.DurationVar(&opt.IdleTimeout, "idle-timeout", 0, "how long an exchange may stand still (default as long as the service lets it)")
	f.DurationVar(&opt.UpstreamIdle, "upstream-idle", bootstrap.DefaultUpstreamIdle, "how long a connection to the service is kept unused; shorter than the service keeps it")
	f.StringSliceVar(&opt.Upgrades, "upgrade", []string{"websocket"}, "protocols that a connection may be upgraded to on routes without rules")
	f.BoolVar(&opt.ForwardedFor, "forwarded-for", false, "append the client's address to x-forwarded-for")
	f.StringVar(&opt.TLS.Cert, "tls-cert", "", "PEM file of Envoy's own certificate, with a name of tls.allow")
	f.StringVar(&opt.TLS.Key, "tls-key", "", "PEM file of its private key")
	f.StringVar(&opt.TLS.CA, "tls-ca", "", "PEM file of the CA that signed sealmesh's certificate")
	f.StringVar(&opt.TLS.ServerName, "tls-server-name", "", "name in sealmesh's certificate: a DNS name, or a URI such as a SPIFFE id")
	_ = c.MarkFlagRequired("upstream")
	return c
}
