package xds_test

import (
	"strconv"
	"testing"
	"time"
)

// An Envoy whose plane was gone for long looks for it twice a second, with
// retry_back_off in the bootstrap. Without that field it looks less and less
// often, after some time twice a minute. It keeps its configuration.
func TestEnvoyFindsThePlaneAgain(t *testing.T) {
	retry := backOff
	if number("XDS_DEFAULT_BACKOFF", 0) == 1 {
		retry = ""
	}
	p := newPlane(t)
	e := newEnvoy(t, p, retry, 1)
	p.rs = answering(t, e, 0)
	until(t, "Envoy connects", func() bool { return len(p.server.Nodes()) > 0 })
	ok(t, p.server.Set(t.Context(), p.rs))
	p.stop()
	gone := time.Now()
	if down := number("XDS_DOWN", 0); down > 0 {
		time.Sleep(time.Duration(down) * time.Second)
	} else {
		// The default would take several minutes for these.
		until(t, "20 attempts", func() bool { n, _ := strconv.Atoi(e.stat("cluster.xds.upstream_cx_connect_fail")); return n >= 20 })
	}
	if !e.listens() {
		t.Error("Envoy has closed its listener")
	}
	t.Logf("down %v: %s attempts", time.Since(gone), e.stat("cluster.xds.upstream_cx_connect_fail"))
	p.start()
	back := time.Now()
	until(t, "Envoy connects again", func() bool { return len(p.server.Nodes()) > 0 && p.server.Nodes()[0].Acknowledged })
	t.Logf("Envoy was there after %v", time.Since(back))
}
