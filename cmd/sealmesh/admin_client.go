package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// adminPatience is how long a command waits: a reload may have to ask a KMS.
const adminPatience = time.Minute

func newAdmin() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "admin",
		Short: "Ask a sealmesh that runs, or flush its data keys",
		Long: `Ask a sealmesh that runs on this host, by the admin address of its policy: for
hosts and images without curl. The socket is for the user that sealmesh runs as,
and its log says which process changed what.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	otherwise := os.Getenv("SEALMESH_ADMIN")
	if otherwise == "" {
		otherwise = policy.DefaultAdmin
	}
	c.PersistentFlags().StringVar(&address, "address", otherwise, "admin address of the policy (SEALMESH_ADMIN)")
	ask := func(use, short, method, path string) {
		c.AddCommand(&cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			return askAdmin(c, address, method, path)
		}})
	}
	ask("keys", "Print the state of every key and KEK", http.MethodGet, "/keys")
	ask("config", "Print the policy in force", http.MethodGet, "/config")
	ask("ready", "Say whether it is ready", http.MethodGet, "/readyz")
	ask("metrics", "Print the metrics", http.MethodGet, "/metrics")
	ask("reload", "Read the policy file again", http.MethodPost, "/reload")
	c.AddCommand(&cobra.Command{
		Use: "flush [KEY]", Short: "Drop unwrapped data keys now, of one key or of all",
		RunE: func(c *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return askAdmin(c, address, http.MethodPost, "/keys/flush")
			case 1:
				return askAdmin(c, address, http.MethodPost, "/keys/flush?key="+url.QueryEscape(args[0]))
			}
			return usageError{c, fmt.Errorf("%s takes one key at most, but got %q", c.CommandPath(), args)}
		},
	})
	return c
}

// askAdmin sends one request, and prints what came back.
func askAdmin(c *cobra.Command, address, method, path string) error {
	network, at := "tcp", strings.TrimPrefix(address, "tcp://")
	if socket, ok := strings.CutPrefix(address, "unix://"); ok {
		network, at = "unix", socket
	}
	client := http.Client{Timeout: adminPatience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}}
	req, err := http.NewRequestWithContext(c.Context(), method, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, strings.TrimSpace(string(text)))
	}
	_, err = io.Copy(c.OutOrStdout(), resp.Body)
	return err
}
