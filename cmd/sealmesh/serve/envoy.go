package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/xds"
)

const (
	// envoyTimeout is how long a reload waits until Envoy has taken over its part
	// of the policy.
	envoyTimeout = 10 * time.Second
	// workersSwitch is how long Envoy's workers may still use the old routes after
	// Envoy has acknowledged new ones, which its main thread does.
	workersSwitch = time.Second
)

// An envoyPlane gives the Envoy beside its configuration, and brings the routes
// of each new policy to it.
type envoyPlane struct {
	xds    *xds.Server
	server *proxy.Server
	log    *slog.Logger
}

// newEnvoyPlane returns what serves Envoy the configuration that p needs; nil
// if p does not say that sealmesh does. server is where p is in force.
func newEnvoyPlane(p *policy.Policy, server *proxy.Server, log *slog.Logger) (*envoyPlane, error) {
	if p.Envoy.Fixed().XDS == "" {
		return nil, nil
	}
	resources, err := envoyResources(p)
	if err != nil {
		return nil, err
	}
	e := &envoyPlane{xds.New(log), server, log}
	return e, e.xds.Put(resources)
}

// envoyResources returns what p.Envoy gets by xDS.
func envoyResources(p *policy.Policy) ([]xds.Resource, error) {
	all, err := bootstrap.Resources(p)
	if err != nil {
		return nil, err
	}
	resources := make([]xds.Resource, len(all))
	for i, m := range all {
		resources[i] = xds.Resource{Name: bootstrap.Name(m), Body: m}
	}
	return resources, nil
}

// serve serves on the socket of p until stop is called. A nil e serves nothing.
func (e *envoyPlane) serve(p *policy.Policy) (stop func(), err error) {
	if e == nil {
		return func() {}, nil
	}
	l, err := listen(p.Envoy.XDS, socketMode)
	if err != nil {
		return nil, fmt.Errorf("envoy.xds: %w", err)
	}
	g := grpc.NewServer(xds.ServerOptions()...)
	e.xds.Register(g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := g.Serve(l); err != nil {
			e.log.Error("Envoy's configuration is no longer served", "error", err.Error())
		}
	}()
	return func() { g.Stop(); <-done }, nil
}

// nodes returns the Envoys that are connected; nil for a nil e.
func (e *envoyPlane) nodes() []xds.Node {
	if e == nil {
		return nil
	}
	return e.xds.Nodes()
}

// putInForce makes rt the runtime in force. Envoy gets the routes of rt first:
// then requests that come by new routes are under new rules, and those by old
// routes are under old rules. Once putInForce has returned, a request by old
// routes is refused. An error leaves the runtime before rt in force, and takes
// rt back.
func (e *envoyPlane) putInForce(ctx context.Context, rt *proxy.Runtime) error {
	old := e.server.Runtime().Policy()
	resources, err := envoyResources(rt.Policy())
	e.server.Add(rt)
	if err == nil {
		err = e.bring(ctx, resources)
	}
	if err != nil {
		e.server.Withdraw()
		return errors.Join(err, e.bringBack(old))
	}
	if old.Stamp() != rt.Policy().Stamp() {
		select {
		case <-time.After(workersSwitch):
		case <-ctx.Done():
		}
	}
	e.server.Settle()
	return nil
}

// bring gives resources to Envoy, and waits until Envoy has them.
func (e *envoyPlane) bring(ctx context.Context, resources []xds.Resource) error {
	ctx, cancel := context.WithTimeout(ctx, envoyTimeout)
	defer cancel()
	err := e.xds.Set(ctx, resources)
	switch {
	case errors.Is(err, xds.ErrNoEnvoy):
		e.log.Warn("no Envoy is connected to envoy.xds: it gets the new policy when it connects")
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("reload: Envoy does not take over the new policy within %v: %w", envoyTimeout, err)
	case err != nil:
		return fmt.Errorf("reload: %w", err)
	}
	return nil
}

// bringBack gives the resources of old to Envoy again. It does not wait: until
// Envoy has them, sealmesh refuses what comes by other routes.
func (e *envoyPlane) bringBack(old *policy.Policy) error {
	resources, err := envoyResources(old)
	if err != nil {
		return err
	}
	return e.xds.Put(resources)
}
