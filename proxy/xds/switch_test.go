package xds_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sealmesh/sealmesh/proxy/xds"
)

// grace is how long after an acknowledgement a request may begin that the old
// routes answer. None was ever seen to begin after the acknowledgement: Envoy
// gives the routes to its workers before it acknowledges them.
const grace = 250 * time.Millisecond

// Workers of Envoy use new routes as soon as Envoy has acknowledged them. This
// measures it, by the clock of the clients: how long after the acknowledgement
// the last request began that the old routes answered. A test makes few
// switches. XDS_SWITCHES says how many to make, XDS_CLIENTS how many requests
// to have in flight, and XDS_BURN how many goroutines burn CPU.
func TestWorkersSwitchSoonAfterAcknowledgement(t *testing.T) {
	switches, burn := number("XDS_SWITCHES", 10), number("XDS_BURN", 0)
	p := newPlane(t)
	e := newEnvoy(t, p, backOff, 2)
	until(t, "Envoy connects", func() bool { return len(p.server.Nodes()) > 0 })
	ok(t, p.server.Set(t.Context(), answering(t, e, 0)))
	until(t, "the listener is there", e.listens)
	for range burn {
		go func() {
			for t.Context().Err() == nil {
			}
		}()
	}
	r := runner{epoch: time.Now(), last: make([]atomic.Int64, switches+1), stop: make(chan struct{})}
	var clients sync.WaitGroup
	cleartext := new(http.Protocols)
	cleartext.SetUnencryptedHTTP2(true)
	shared := make([]*http.Transport, 4)
	for i := range shared {
		shared[i] = &http.Transport{Protocols: cleartext}
		defer shared[i].CloseIdleConnections()
	}
	for i := range number("XDS_CLIENTS", 64) {
		// Half of them have a connection each, and half share four.
		var ask http.RoundTripper = new(http.Transport)
		if i%2 == 1 {
			ask = shared[i/2%len(shared)]
		}
		clients.Go(func() {
			if err := r.run(ask, "http://"+e.listen); err != nil {
				t.Error(err)
			}
		})
	}
	var fromSet, fromAck []time.Duration
	for i := 1; i <= switches; i++ {
		time.Sleep(50 * time.Millisecond)
		began := time.Since(r.epoch)
		ok(t, p.server.Set(t.Context(), answering(t, e, i)))
		acknowledged := time.Since(r.epoch)
		time.Sleep(400 * time.Millisecond)
		last := time.Duration(r.last[i-1].Load())
		fromSet, fromAck = append(fromSet, last-began), append(fromAck, max(0, last-acknowledged))
	}
	close(r.stop)
	clients.Wait()
	if worst := slices.Max(fromAck); worst > grace {
		t.Errorf("the old routes answered a request that began %v after the acknowledgement", worst)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	t.Logf("%d requests in %v, burn %d, load %.15s", r.requests.Load(), time.Since(r.epoch), burn, load)
	t.Log("the last request of the old routes began, after Set began:  ", quantiles(fromSet))
	t.Log("the last request of the old routes began, after Set returned:", quantiles(fromAck))
}

// answering are resources with which Envoy answers every request with n.
func answering(t *testing.T, e *envoy, n int) []xds.Resource {
	return []xds.Resource{{Name: "l", Body: adsListener(t, e.listen)}, {Name: "r", Body: &routev3.RouteConfiguration{
		Name: "r", VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
				Status: 200, Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: strconv.Itoa(n)}},
			}},
		}}}},
	}}}
}

// A runner makes requests, and notes when the last one began that was answered
// with each number.
type runner struct {
	epoch    time.Time
	last     []atomic.Int64
	requests atomic.Int64
	stop     chan struct{}
}

func (r *runner) run(ask http.RoundTripper, url string) error {
	for {
		select {
		case <-r.stop:
			if own, ok := ask.(*http.Transport); ok {
				own.CloseIdleConnections()
			}
			return nil
		default:
		}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		began := int64(time.Since(r.epoch))
		resp, err := ask.RoundTrip(req)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(b))
		if err != nil {
			return err
		}
		r.requests.Add(1)
		for old := r.last[n].Load(); began > old && !r.last[n].CompareAndSwap(old, began); old = r.last[n].Load() {
		}
	}
}

func quantiles(list []time.Duration) string {
	slices.Sort(list)
	at := func(q float64) time.Duration { return list[int(q*float64(len(list)-1))].Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v, worst %v", at(.5), at(.9), at(.99), at(1))
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// adsListener has its routes, r, by ADS.
func adsListener(t *testing.T, at string) *listenerv3.Listener {
	host, text, err := net.SplitHostPort(at)
	ok(t, err)
	port, err := strconv.Atoi(text)
	ok(t, err)
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix:     "in",
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: "r"}},
		HttpFilters:    []*hcmv3.HttpFilter{{Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(t, &routerv3.Router{})}}},
	}
	return &listenerv3.Listener{
		Name: "l",
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
		}}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, manager)},
		}}}},
	}
}

// ads is the plane, for which Envoy waits without end.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		InitialFetchTimeout:   durationpb.New(0),
	}
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	ok(t, err)
	return a
}

// A request whose headers were half sent before a switch has the new routes:
// Envoy takes those of the time at which the headers are complete.
func TestRequestThatIsHalfSent(t *testing.T) {
	p := newPlane(t)
	e := newEnvoy(t, p, backOff, 2)
	until(t, "Envoy connects", func() bool { return len(p.server.Nodes()) > 0 })
	ok(t, p.server.Set(t.Context(), answering(t, e, 0)))
	until(t, "the listener is there", e.listens)
	c, err := net.Dial("tcp", e.listen)
	ok(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
	ok(t, err)
	until(t, "Envoy reads it", func() bool { return e.stat("http.in.downstream_cx_rx_bytes_total") == "21" })
	ok(t, p.server.Set(t.Context(), answering(t, e, 1)))
	_, err = io.WriteString(c, " h\r\n\r\n")
	ok(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	ok(t, err)
	b, err := io.ReadAll(resp.Body)
	ok(t, err)
	if string(b) != "1" {
		t.Errorf("the routes were those of %s", b)
	}
}
