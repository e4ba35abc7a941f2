package testbed

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// FindEnvoy returns SEALMESH_ENVOY, else the result of `make envoy`, else the
// Envoy on PATH.
func FindEnvoy() (string, error) {
	for _, p := range []string{os.Getenv("SEALMESH_ENVOY"), "build/envoy/bin/envoy"} {
		if _, err := os.Stat(p); p != "" && err == nil {
			return p, nil
		}
	}
	p, err := exec.LookPath("envoy")
	if err != nil {
		return "", errors.New("no Envoy: run `make envoy`, or set SEALMESH_ENVOY")
	}
	return p, nil
}

// EnvoyVersion returns the version that the Envoy at path reports.
func EnvoyVersion(path string) string {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "unknown"
	}
	_, v, _ := strings.Cut(strings.TrimSpace(string(out)), "version: ")
	return v
}

// startEnvoy runs an Envoy for p in dir, configured by the generator. Without a
// processor only the filter is removed from the configuration.
func (t *Testbed) startEnvoy(ctx context.Context, dir string, p *policy.Policy, opt bootstrap.Options, processor bool) (*Process, string, error) {
	var err error
	if opt.Listen, err = freeAddress(); err != nil {
		return nil, "", err
	}
	if opt.Admin, err = freeAddress(); err != nil {
		return nil, "", err
	}
	opt.Upstream = t.Upstream.Addr()
	b, err := bootstrap.New(p, opt)
	if err != nil {
		return nil, "", err
	}
	if !processor {
		if err := withoutFilter(b); err != nil {
			return nil, "", err
		}
	}
	text, err := bootstrap.YAML(b)
	if err != nil {
		return nil, "", err
	}
	config := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, "", err
	}
	e, err := start(dir, "envoy", nil, t.Envoy, "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
	if err != nil {
		return nil, "", err
	}
	return e, opt.Listen, e.until(ctx, answers(http.DefaultClient, "http://"+opt.Admin+"/ready"))
}

// withoutFilter removes ext_proc from the first listener and its routes.
func withoutFilter(b *bootstrapv3.Bootstrap) error {
	config := b.StaticResources.Listeners[0].FilterChains[0].Filters[0].GetTypedConfig()
	manager := new(hcmv3.HttpConnectionManager)
	if err := config.UnmarshalTo(manager); err != nil {
		return err
	}
	manager.HttpFilters = manager.HttpFilters[1:]
	for _, host := range manager.GetRouteConfig().VirtualHosts {
		for _, route := range host.Routes {
			route.TypedPerFilterConfig = nil
		}
	}
	packed, err := anypb.New(manager)
	if err != nil {
		return err
	}
	config.TypeUrl, config.Value = packed.TypeUrl, packed.Value
	b.StaticResources.Clusters = b.StaticResources.Clusters[1:]
	return nil
}
