// Package admin implements "sealmesh admin", a client of the admin endpoint
// that package serve provides.
package admin

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

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// timeout bounds one request. A reload may have to wait for a KMS.
const timeout = time.Minute

// Command returns "sealmesh admin".
func Command() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "admin",
		Short: "Query or control a running sealmesh",
		Long: `Query or control a sealmesh that runs on this host, through the admin address of
its policy. This works on hosts and in images without curl. Only the user that
sealmesh runs as can use the socket. sealmesh logs which process changed what.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	initial := os.Getenv("SEALMESH_ADMIN")
	if initial == "" {
		initial = policy.DefaultAdmin
	}
	c.PersistentFlags().StringVar(&address, "address", initial, "admin `ADDRESS` of the policy (SEALMESH_ADMIN)")
	add := func(use, short, method, path string) {
		c.AddCommand(&cobra.Command{Use: use, Short: short, Args: cli.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			return request(c, address, method, path)
		}})
	}
	add("keys", "Print the state of every key and KEK", http.MethodGet, "/keys")
	add("config", "Print the policy in force", http.MethodGet, "/config")
	add("ready", "Print whether sealmesh is ready", http.MethodGet, "/readyz")
	add("metrics", "Print the metrics", http.MethodGet, "/metrics")
	add("reload", "Reload the policy file", http.MethodPost, "/reload")
	c.AddCommand(&cobra.Command{
		Use: "flush [KEY]", Short: "Evict the unwrapped data keys of one key, or of all keys",
		RunE: func(c *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return request(c, address, http.MethodPost, "/keys/flush")
			case 1:
				return request(c, address, http.MethodPost, "/keys/flush?key="+url.QueryEscape(args[0]))
			}
			return cli.UsageError(c, fmt.Errorf("%s takes one key at most, but got %q", c.CommandPath(), args))
		},
	})
	return c
}

// request sends one request and prints the response.
func request(c *cobra.Command, address, method, path string) error {
	network, at := "tcp", strings.TrimPrefix(address, "tcp://")
	if socket, ok := strings.CutPrefix(address, "unix://"); ok {
		network, at = "unix", socket
	}
	client := http.Client{Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true,
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
