package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// ConfigFlag adds --config, which is required unless SEALMESH_CONFIG is set.
func ConfigFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", os.Getenv("SEALMESH_CONFIG"), "policy `FILE` (SEALMESH_CONFIG)")
	if *path == "" {
		_ = c.MarkFlagRequired("config")
	}
}

// ParamFlag adds --param, which may be given more than once. It reads decoded
// path parameters.
func ParamFlag(c *cobra.Command, params *map[string]string) {
	c.Flags().StringToStringVar(params, "param", nil, "decoded path parameter `NAME=VALUE` for tags with context_from")
}

// Count returns "1 key" or "3 keys".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
