package xds_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sealmesh/sealmesh/proxy/xds"
)

// A server on a unix socket, and a client in Envoy's place.
func Example() {
	dir, err := os.MkdirTemp("", "xds")
	must(err)
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "xds.sock"))
	must(err)
	rpc := grpc.NewServer(xds.ServerOptions()...)
	server := xds.New(slog.New(slog.DiscardHandler))
	server.Register(rpc)
	go func() { _ = rpc.Serve(l) }()
	defer rpc.Stop()

	service := xds.Resource{Name: "service", Body: &clusterv3.Cluster{Name: "service"}}
	fmt.Println(server.Set(context.Background(), []xds.Resource{service}))

	client, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	envoy, err := discovery.NewAggregatedDiscoveryServiceClient(client).DeltaAggregatedResources(ctx)
	must(err)
	must(envoy.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster"}))
	response, err := envoy.Recv()
	must(err)
	fmt.Println(response.Resources[0].Name)
	// Output:
	// no Envoy is connected
	// service
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
