package demo

import (
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
)

// Command returns "sealmesh demo".
func Command() *cobra.Command {
	opt := Options{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show sealmesh protecting a legacy service",
		Long: `Start a small legacy service with a database, a real Envoy and sealmesh, and send
requests through them. The demo shows what the client sent, what the database
holds, what a client gets back, which keys were used, and what happens when
sealmesh is killed.

The demo needs python3, and Envoy on PATH or named with --envoy. Without Envoy, a
stand-in written in Go takes its place. The exit code is 0 only if everything that
the demo shows was verified.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if opt.Envoy == "" {
				opt.Envoy, _ = exec.LookPath("envoy")
			}
			opt.Self, opt.Out = self, c.OutOrStdout()
			info, err := os.Stdout.Stat()
			opt.Colour = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
			return Run(c.Context(), opt)
		},
	}
	c.Flags().StringVar(&opt.Envoy, "envoy", "", "Envoy `BINARY` (default: envoy on PATH)")
	c.Flags().BoolVar(&opt.Keep, "keep", false, "keep running at the end, and print curl commands")
	return c
}
