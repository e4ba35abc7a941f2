package envoycheck

import (
	"os"
	"path/filepath"
	"testing"
)

// What two controllers really give to Envoy, judged. Those of Envoy Gateway
// 1.9.1 are config_dumps (without bootstrap and secrets) of the Envoy 1.40 that
// it drives, with our EnvoyExtensionPolicy on the Gateway; in half an empty one
// on the HTTPRoute "other" takes the place of ours, and in clear there is none.
// Those of Istio (master of 2026-08-27) are what its own generators make for a
// sidecar with our EnvoyFilter, whose service declares port 8080 as HTTP; in
// half port 9090 as TCP as well, in clear 8080 as TCP.
func TestDumps(t *testing.T) {
	const passthrough = "not seen: virtualInbound virtualInbound: ports of the protected host that no other chain names are passed on as TCP, and this file does not tell whether a service listens there: declare each of its ports as HTTP\n"
	const other = "IN CLEAR: default/customers/http default/customers/http: route httproute/default/other/rule/0/match/0/* (POST sealmesh.example/other"
	p := load(t, `version: 1
keys: {k: {kek: "local:kek"}}
tags: {pii: {key: k}}
routes:
  - {name: r, match: {path: /**}, request: {seal: {$.ssn: pii}}, response: {open: {$.ssn: pii}}}
`)
	for name, want := range map[string]string{
		"envoy_gateway_protected": "",
		"envoy_gateway_half": other + "): ext_proc is disabled, and route \"r\" of the policy has rules\n" +
			other + "/..;/a): ext_proc is disabled, and the upstream may read another path, which sealmesh would refuse: match only plain paths, by an expression, or let the filter see the headers\n",
		"envoy_gateway_clear": "IN CLEAR: default/customers/http default/customers/http: no ext_proc filter: no value is sealed or opened here\n" +
			"IN CLEAR: envoy-gateway-proxy-ready-0.0.0.0-19003: no ext_proc filter: no value is sealed or opened here\n",
		"istio_protected": passthrough,
		"istio_half":      "IN CLEAR: virtualInbound 0.0.0.0_9090: port 9090 of the protected host is treated as TCP: sealmesh never sees its traffic; declare it as HTTP\n" + passthrough,
		"istio_clear":     "IN CLEAR: virtualInbound 0.0.0.0_8080: port 8080 of the protected host is treated as TCP: sealmesh never sees its traffic; declare it as HTTP\n" + passthrough,
	} {
		src, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if got := findings(t, p, string(src)); got != want {
			t.Errorf("%s:\n%swant\n%s", name, got, want)
		}
	}
}
