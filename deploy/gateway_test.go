package deploy

import (
	"reflect"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// What the files use of Envoy Gateway's API.
type (
	Object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
	}
	reference struct {
		Group, Kind, Name string
	}
	Target struct {
		TargetRefs []reference `yaml:"targetRefs"`
	}
	connection struct {
		BufferLimit string `yaml:"bufferLimit"`
	}
	extensionPolicy struct {
		Object `yaml:",inline"`
		Spec   struct {
			Target  `yaml:",inline"`
			ExtProc []struct {
				BackendRefs     []reference `yaml:"backendRefs"`
				BackendSettings struct {
					CircuitBreaker struct {
						MaxConnections      uint32 `yaml:"maxConnections"`
						MaxPendingRequests  uint32 `yaml:"maxPendingRequests"`
						MaxParallelRequests uint32 `yaml:"maxParallelRequests"`
					} `yaml:"circuitBreaker"`
				} `yaml:"backendSettings"`
				FailOpen       *bool  `yaml:"failOpen"`
				MessageTimeout string `yaml:"messageTimeout"`
				ProcessingMode struct {
					Request, Response struct {
						Body       string
						Attributes []string
					}
				} `yaml:"processingMode"`
			} `yaml:"extProc"`
		}
	}
	backend struct {
		Object `yaml:",inline"`
		Spec   struct {
			AppProtocols []string `yaml:"appProtocols"`
			Endpoints    []struct{ Unix struct{ Path string } }
		}
	}
	clientPolicy struct {
		Object `yaml:",inline"`
		Spec   struct {
			Target     `yaml:",inline"`
			Connection connection
			Path       struct {
				DisableMergeSlashes  *bool  `yaml:"disableMergeSlashes"`
				EscapedSlashesAction string `yaml:"escapedSlashesAction"`
			}
			Headers struct {
				WithUnderscoresAction string                    `yaml:"withUnderscoresAction"`
				EarlyRequestHeaders   struct{ Remove []string } `yaml:"earlyRequestHeaders"`
			}
		}
	}
	backendPolicy struct {
		Object `yaml:",inline"`
		Spec   struct {
			Target     `yaml:",inline"`
			Connection connection
		}
	}
	envoyProxy struct {
		Object `yaml:",inline"`
		Spec   struct {
			Provider struct {
				Type       string
				Kubernetes struct {
					EnvoyDeployment struct {
						Patch struct {
							Type  string
							Value struct {
								Spec struct {
									Template struct{ Spec pod }
								}
							}
						}
					} `yaml:"envoyDeployment"`
				}
			}
		}
	}
)

// Through Envoy Gateway, Envoy gets the filter that `sealmesh envoy --buffered`
// writes, in that API's words.
func TestEnvoyGatewayFilter(t *testing.T) {
	docs, g := documents(t, "envoy-gateway/policy.yaml"), generate(t)
	var e extensionPolicy
	decode(t, docs["EnvoyExtensionPolicy"], &e)
	if len(e.Spec.ExtProc) != 1 {
		t.Fatal("not one ext_proc filter")
	}
	f := e.Spec.ExtProc[0]
	modes := map[procv3.ProcessingMode_BodySendMode]string{procv3.ProcessingMode_BUFFERED: "Buffered"}
	if f.FailOpen == nil || *f.FailOpen || f.MessageTimeout != g.filter.MessageTimeout.AsDuration().String() ||
		f.ProcessingMode.Request.Body != modes[g.filter.ProcessingMode.RequestBodyMode] ||
		f.ProcessingMode.Response.Body != modes[g.filter.ProcessingMode.ResponseBodyMode] ||
		!slices.Equal(f.ProcessingMode.Request.Attributes, g.filter.RequestAttributes) {
		t.Errorf("%+v", f)
	}
	limits := f.BackendSettings.CircuitBreaker
	thresholds := g.processor.CircuitBreakers.Thresholds[0]
	if limits.MaxConnections != thresholds.MaxConnections.Value || limits.MaxPendingRequests != thresholds.MaxPendingRequests.Value ||
		limits.MaxParallelRequests != thresholds.MaxRequests.Value {
		t.Errorf("circuit breaker %+v", limits)
	}
	var b backend
	decode(t, docs["Backend"], &b)
	socket := g.processor.LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().GetAddress().GetPipe().GetPath()
	if len(b.Spec.Endpoints) != 1 || b.Spec.Endpoints[0].Unix.Path != socket || !slices.Equal(b.Spec.AppProtocols, []string{"gateway.envoyproxy.io/h2c"}) {
		t.Errorf("backend %+v", b.Spec)
	}
	if want := []reference{{"gateway.envoyproxy.io", "Backend", b.Metadata.Name}}; !slices.Equal(f.BackendRefs, want) {
		t.Errorf("it asks %v", f.BackendRefs)
	}
}

func TestEnvoyGatewayTraffic(t *testing.T) {
	docs, g := documents(t, "envoy-gateway/policy.yaml"), generate(t)
	var c clientPolicy
	var b backendPolicy
	decode(t, docs["ClientTrafficPolicy"], &c)
	decode(t, docs["BackendTrafficPolicy"], &b)
	if want := uint32(4 << 20); c.Spec.Connection.BufferLimit != "4Mi" || b.Spec.Connection.BufferLimit != "4Mi" || g.listener.PerConnectionBufferLimitBytes.Value != want {
		t.Error("the buffers are not limits.buffered_bytes")
	}
	slashes := map[hcmv3.HttpConnectionManager_PathWithEscapedSlashesAction]string{hcmv3.HttpConnectionManager_REJECT_REQUEST: "RejectRequest"}
	underscores := map[corev3.HttpProtocolOptions_HeadersWithUnderscoresAction]string{corev3.HttpProtocolOptions_DROP_HEADER: "DropHeader"}
	if merge := c.Spec.Path.DisableMergeSlashes; merge == nil || *merge == g.manager.MergeSlashes ||
		c.Spec.Path.EscapedSlashesAction != slashes[g.manager.PathWithEscapedSlashesAction] ||
		c.Spec.Headers.WithUnderscoresAction != underscores[g.manager.CommonHttpProtocolOptions.HeadersWithUnderscoresAction] {
		t.Errorf("%+v, %+v", c.Spec.Path, c.Spec.Headers)
	}
	removes(t, c.Spec.Headers.EarlyRequestHeaders.Remove, g)
	var gateway struct {
		Object `yaml:",inline"`
		Spec   struct {
			GatewayClassName string `yaml:"gatewayClassName"`
			Infrastructure   struct {
				ParametersRef reference `yaml:"parametersRef"`
			}
			Listeners []struct {
				Name, Protocol string
				Port           int
			}
		}
	}
	decode(t, documents(t, "envoy-gateway/gateway.yaml")["Gateway"], &gateway)
	for _, refs := range [][]reference{c.Spec.TargetRefs, b.Spec.TargetRefs} {
		if want := []reference{{"gateway.networking.k8s.io", "Gateway", gateway.Metadata.Name}}; !slices.Equal(refs, want) {
			t.Errorf("it is for %v", refs)
		}
	}
	var proxy envoyProxy
	decode(t, documents(t, "envoy-gateway/gateway.yaml")["EnvoyProxy"], &proxy)
	if want := (reference{"gateway.envoyproxy.io", "EnvoyProxy", proxy.Metadata.Name}); gateway.Spec.Infrastructure.ParametersRef != want {
		t.Errorf("the Gateway takes %v", gateway.Spec.Infrastructure.ParametersRef)
	}
}

// Beside the gateway's Envoy runs the sealmesh of the plain workload.
func TestEnvoyGatewaySidecar(t *testing.T) {
	var proxy envoyProxy
	decode(t, documents(t, "envoy-gateway/gateway.yaml")["EnvoyProxy"], &proxy)
	patch := proxy.Spec.Provider.Kubernetes.EnvoyDeployment.Patch
	p, plain := patch.Value.Spec.Template.Spec, workload(t).Spec.Template.Spec
	got, want := p.container(t, "sealmesh"), plain.container(t, "sealmesh")
	if patch.Type != "StrategicMerge" || p.SecurityContext.FSGroup != plain.SecurityContext.FSGroup {
		t.Errorf("%s, %+v", patch.Type, p.SecurityContext)
	}
	if got.Image != want.Image || got.RestartPolicy != want.RestartPolicy || !slices.Equal(got.Args, want.Args) || !slices.Equal(got.Env, want.Env) ||
		!reflect.DeepEqual(got.Resources, want.Resources) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	// The gateway's pod does not say what the workload's says for all its
	// containers.
	security := got.SecurityContext
	if !security.RunAsNonRoot || security.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%+v", security)
	}
	security.RunAsNonRoot, security.SeccompProfile.Type = false, ""
	if !reflect.DeepEqual(security, want.SecurityContext) {
		t.Errorf("%+v\nwant\n%+v", security, want.SecurityContext)
	}
	pol := load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	run := got.mount(t, "/run/sealmesh/ext_proc.sock")
	if p.container(t, "envoy").mount(t, "/run/sealmesh/ext_proc.sock") != run || got.mount(t, pol.Audit.SpoolDir) == run {
		t.Error("envoy does not reach the socket")
	}
	var names []string
	for _, v := range p.Volumes {
		names = append(names, v.Name)
	}
	for _, m := range got.VolumeMounts {
		if !slices.Contains(names, m.Name) {
			t.Errorf("no volume %s", m.Name)
		}
	}
}
