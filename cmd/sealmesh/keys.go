package main

import "github.com/spf13/cobra"

func newKeys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make and verify keys",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysNew(), newKeysVerify(), newKeysPolicy(), newKeysImport(), newStoreSchema())
	return c
}
