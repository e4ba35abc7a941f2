package bootstrap

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

const xdsPolicy = `
version: 1
envoy: {xds: "unix:///run/xds.sock", upstream: "127.0.0.1:8080", admin: "unix:///run/admin.sock"}
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: a, match: {path: /a}, request: {seal: {$.x: pii}}}
  - {name: b, match: {path: /b}, response: {open: {$.x: pii}}}
  - {name: c, match: {path: /c/**}, skip: true}
`

func loaded(t *testing.T, edits ...string) *policy.Policy {
	t.Helper()
	text := strings.NewReplacer(edits...).Replace(xdsPolicy)
	p, err := policy.Load("policy.yaml", []byte(text), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// resources returns the bytes of each resource, by type and name.
func resources(t *testing.T, p *policy.Policy) map[string][]byte {
	t.Helper()
	all, err := Resources(p)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, m := range all {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%s %s", m.ProtoReflect().Descriptor().Name(), Name(m))
		if _, twice := out[name]; twice || strings.HasSuffix(name, " ") {
			t.Fatalf("%q twice, or without a name", name)
		}
		out[name] = b
	}
	return out
}

// What rules decide is in the route table alone, so that Envoy takes it over as
// a whole.
func TestOnePolicyOneTable(t *testing.T) {
	was := resources(t, loaded(t))
	for name, c := range map[string]struct {
		edits   []string
		changed []string
	}{
		"nothing":             {nil, nil},
		"a rule":              {[]string{"$.x: pii}}}\n  - {name: b", "$.y: pii}}}\n  - {name: b"}, nil},
		"a route":             {[]string{"skip: true", "request: {seal: {$.x: pii}}"}, []string{"RouteConfiguration sealmesh"}},
		"a body mode":         {[]string{"request: {", "request: {body: streamed, "}, []string{"RouteConfiguration sealmesh"}},
		"unmatched":           {[]string{"routes:", "unmatched: pass\nroutes:"}, []string{"RouteConfiguration sealmesh"}},
		"responses to seal":   {[]string{"response: {open", "response: {seal"}, []string{"TypedExtensionConfig " + filterName}},
		"the service":         {[]string{":8080", ":8081"}, []string{"ClusterLoadAssignment upstream", "Listener ingress"}},
		"a service by name":   {[]string{"127.0.0.1:8080", "example:8080"}, []string{"Cluster upstream", "ClusterLoadAssignment upstream", "Listener ingress"}},
		"the admin endpoint":  {[]string{"admin.sock", "other.sock"}, nil},
		"where Envoy listens": {[]string{"upstream:", "listen: \"127.0.0.1:9\", upstream:"}, []string{"Listener ingress"}},
	} {
		is := resources(t, loaded(t, c.edits...))
		var changed []string
		for k, b := range is {
			if !bytes.Equal(was[k], b) {
				changed = append(changed, k)
			}
		}
		for k := range was {
			if is[k] == nil {
				changed = append(changed, k)
			}
		}
		slices.Sort(changed)
		if !slices.Equal(changed, c.changed) {
			t.Errorf("%s: %q changed, not %q", name, changed, c.changed)
		}
	}
}

// Each route by which sealmesh is asked carries the stamp of the policy, and
// the filter none.
func TestRoutesCarryTheStamp(t *testing.T) {
	p := loaded(t)
	all, err := Resources(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if b, _ := proto.Marshal(m); Name(m) == filterName && bytes.Contains(b, []byte(p.Stamp())) {
			t.Error("the filter has a stamp")
		}
		table, ok := m.(*routev3.RouteConfiguration)
		if !ok {
			continue
		}
		for _, r := range table.VirtualHosts[0].Routes {
			per := new(procv3.ExtProcPerRoute)
			err := r.TypedPerFilterConfig[filterName].UnmarshalTo(per)
			switch {
			case r.Name == "c" && err == nil:
				t.Error("a skipped route asks sealmesh")
			case r.Name != "c" && per.GetOverrides().GetGrpcService().GetEnvoyGrpc().GetAuthority() != p.Stamp():
				t.Errorf("route %s has no stamp: %v", r.Name, err)
			}
		}
	}
}

// The bootstrap depends on no rule, and a real Envoy takes it.
func TestXDSBootstrap(t *testing.T) {
	text := func(edits ...string) []byte {
		b, err := ForXDS(loaded(t, edits...))
		if err != nil {
			t.Fatal(err)
		}
		y, err := YAML(b)
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	was := text()
	if !bytes.Equal(was, text("skip: true", "request: {seal: {$.x: pii}}", ":8080", ":8081")) {
		t.Error("another policy has another bootstrap")
	}
	if n := bytes.Count(was, []byte("\n")); n > 50 {
		t.Errorf("it has %d lines", n)
	}
	validate(t, was)
}

// Secrets name files, so that no private key is in what sealmesh serves.
func TestSecretsAreFiles(t *testing.T) {
	all, err := Resources(loaded(t, "envoy: {", "listen: tcp://127.0.0.1:9000\ntls: {cert: /t/c, key: /t/k, client_ca: /t/ca, allow: [e.example]}\nenvoy: {tls: {cert: /e/c, key: /e/k, ca: /e/ca, server_name: s.example}, "))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range all {
		if m.ProtoReflect().Descriptor().Name() == "Secret" {
			names = append(names, Name(m))
		}
		if c, ok := m.(*clusterv3.Cluster); ok && c.Name == processorCluster {
			if b, _ := proto.Marshal(c); bytes.Contains(b, []byte("/e/k")) || !bytes.Contains(b, []byte(certificateSecret)) {
				t.Error("the cluster does not refer to a secret")
			}
		}
	}
	if !slices.Equal(names, []string{certificateSecret, authoritySecret}) {
		t.Errorf("%q", names)
	}
}

func TestXDSNeedsTheSection(t *testing.T) {
	for _, section := range []string{"", "envoy: {admin: \"127.0.0.1:1\"}\n"} {
		p := loaded(t, `envoy: {xds: "unix:///run/xds.sock", upstream: "127.0.0.1:8080", admin: "unix:///run/admin.sock"}`+"\n", section)
		if _, err := ForXDS(p); err == nil {
			t.Errorf("%q: a bootstrap", section)
		}
		if _, err := Resources(p); err == nil {
			t.Errorf("%q: resources", section)
		}
	}
}
