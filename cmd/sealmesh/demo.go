package main

import (
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/demo"
)

func newDemo() *cobra.Command {
	opt := demo.Options{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch a legacy service store sealed values and answer with plain ones",
		Long: `Start a small legacy service with a database, a real Envoy and sealmesh, send
requests through them, and show what the client sent, what the database holds,
what a client gets back and which keys were used; then what happens when sealmesh is killed.

The exit code is 0 only when all of it was verified. It needs python3, and an
Envoy: on PATH, or named with --envoy. Without one, Envoy's part is played in Go.`,
		Args: noArgs,
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
			return demo.Run(c.Context(), opt)
		},
	}
	c.Flags().StringVar(&opt.Envoy, "envoy", "", "Envoy binary (default: envoy on PATH)")
	c.Flags().BoolVar(&opt.Keep, "keep", false, "stay up at the end, and print curl lines")
	return c
}
