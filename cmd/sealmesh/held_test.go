package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procfilter "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// Uploads that stall, more than there is memory for, of many callers at once:
// sealmesh stays within the memory of its container, and serves others
// meanwhile. The ten callers have shares of 9 per cent. With larger shares they
// could use all the memory together, and would be refused only by chance before
// others are.
func TestStalledUploads(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sealmesh") // without the race detector's own memory
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	policy := strings.Replace(testPolicy, "limits: {", "limits: {caller_share: 9, ", 1)
	for _, c := range []struct{ container, uploads int }{{128, 2_000}, {256, 4_000}, {512, 10_000}} {
		t.Run(fmt.Sprintf("%d uploads in %d MiB", c.uploads, c.container), func(t *testing.T) {
			s := serveAlone(t, policy, stackOptions{binary: binary, env: []string{fmt.Sprintf("GOMEMLIMIT=%dMiB", c.container*8/10)}})
			up := &uploads{t: t, socket: filepath.Join(s.dir, "ext_proc.sock")}
			up.start(c.uploads)
			for range 20 {
				up.healthy()
			}
			peak := peakMemory(t, s.sealmesh.Process.Pid)
			t.Logf("%d of %d are held, %d were refused, peak memory %d MiB", up.held.Load(), c.uploads, up.refused.Load(), peak>>20)
			if peak > int64(c.container)<<20 {
				t.Errorf("peak memory %d MiB", peak>>20)
			}
			if up.refused.Load() == 0 || up.held.Load() == 0 {
				t.Error("the memory was not all taken, or none was: the test shows nothing")
			}
			up.stop()
		})
	}
}

// uploads are exchanges that bring half a body and then nothing.
type uploads struct {
	t             *testing.T
	socket        string
	ctx           context.Context
	stop          func()
	conns         []*grpc.ClientConn
	held, refused atomic.Int64
}

func (u *uploads) start(n int) {
	u.ctx, u.stop = context.WithCancel(u.t.Context())
	for range 8 {
		conn, err := grpc.NewClient("unix:"+u.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		must(u.t, err)
		u.t.Cleanup(func() { _ = conn.Close() })
		u.conns = append(u.conns, conn)
	}
	piece := strings.Repeat("x", 60<<10)
	var sent sync.WaitGroup
	work := make(chan int)
	for range 64 {
		sent.Go(func() {
			for i := range work {
				u.stall(i, piece)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	sent.Wait()
	for deadline := time.Now().Add(10 * time.Second); u.held.Load()+u.refused.Load() < int64(n) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// stall sends up to 900 KiB of a body, and waits to be refused or for the end
// of the test.
func (u *uploads) stall(i int, piece string) {
	s, err := pb.NewExternalProcessorClient(u.conns[i%len(u.conns)]).Process(u.ctx)
	must(u.t, err)
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		if reply, err := s.Recv(); err == nil && reply.GetImmediateResponse() != nil {
			u.refused.Add(1)
		}
	}()
	_ = s.Send(headOf("/buffered/x", fmt.Sprintf("10.0.%d.1:99", i%10)))
	body := `{"a":"` + piece
	for range 1 + i%15 {
		select {
		case <-refused:
			_ = s.CloseSend()
			return
		default:
			_ = s.Send(bodyOf(body, false))
			body = piece
		}
	}
	u.held.Add(1)
	go func() {
		<-refused
		if u.ctx.Err() == nil {
			u.held.Add(-1)
			_ = s.CloseSend()
		}
	}()
}

// healthy is an exchange of a caller that takes nothing.
func (u *uploads) healthy() {
	u.t.Helper()
	s, err := pb.NewExternalProcessorClient(u.conns[0]).Process(u.ctx)
	must(u.t, err)
	must(u.t, s.Send(headOf("/buffered/x", "10.9.9.9:1")))
	must(u.t, s.Send(bodyOf(`{"secret": 1}`, true)))
	for range 2 {
		reply, err := s.Recv()
		must(u.t, err)
		if im := reply.GetImmediateResponse(); im != nil {
			u.t.Fatalf("healthy traffic is refused: %s", im.Body)
		}
	}
	_ = s.CloseSend()
}

func headOf(path, caller string) *pb.ProcessingRequest {
	m := new(corev3.HeaderMap)
	for _, kv := range [][2]string{{":method", "POST"}, {":path", path}, {":authority", "h"}, {"content-type", "application/json"}} {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: kv[0], RawValue: []byte(kv[1])})
	}
	return &pb.ProcessingRequest{
		Request:        &pb.ProcessingRequest_RequestHeaders{RequestHeaders: &pb.HttpHeaders{Headers: m}},
		ProtocolConfig: &pb.ProtocolConfiguration{RequestBodyMode: procfilter.ProcessingMode_FULL_DUPLEX_STREAMED, ResponseBodyMode: procfilter.ProcessingMode_FULL_DUPLEX_STREAMED},
		Attributes: map[string]*structpb.Struct{"envoy.filters.http.ext_proc": {Fields: map[string]*structpb.Value{
			"source.address": structpb.NewStringValue(caller)}}},
	}
}

func bodyOf(b string, end bool) *pb.ProcessingRequest {
	return &pb.ProcessingRequest{Request: &pb.ProcessingRequest_RequestBody{RequestBody: &pb.HttpBody{Body: []byte(b), EndOfStream: end}}}
}
