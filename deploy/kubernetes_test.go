package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// What the manifests use of Kubernetes' API: a misspelt field is not among it.
type (
	meta struct {
		Name                string
		Labels, Annotations map[string]string
	}
	deployment struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
		Spec       struct {
			Replicas int
			Selector selector
			Template struct {
				Metadata meta
				Spec     pod
			}
		}
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	pod struct {
		ServiceAccountName            string      `yaml:"serviceAccountName"`
		AutomountServiceAccountToken  *bool       `yaml:"automountServiceAccountToken"`
		TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               security    `yaml:"securityContext"`
		InitContainers                []container `yaml:"initContainers"`
		Containers                    []container
		Volumes                       []volume
	}
	security struct {
		RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
		RunAsUser                int   `yaml:"runAsUser"`
		RunAsGroup               int   `yaml:"runAsGroup"`
		FSGroup                  int   `yaml:"fsGroup"`
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
		SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	}
	container struct {
		Name, Image   string
		RestartPolicy string `yaml:"restartPolicy"`
		Command, Args []string
		Env           []struct{ Name, Value string }
		Ports         []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		StartupProbe   *probe `yaml:"startupProbe"`
		ReadinessProbe *probe `yaml:"readinessProbe"`
		Lifecycle      struct {
			PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
		}
		Resources       struct{ Requests, Limits map[string]string }
		SecurityContext security `yaml:"securityContext"`
		VolumeMounts    []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	probe struct {
		GRPC             *struct{ Port int }
		TCPSocket        *struct{ Port int } `yaml:"tcpSocket"`
		PeriodSeconds    int                 `yaml:"periodSeconds"`
		FailureThreshold int                 `yaml:"failureThreshold"`
	}
	volume struct {
		Name      string
		ConfigMap *struct{ Name string } `yaml:"configMap"`
		EmptyDir  *struct {
			Medium    string
			SizeLimit string `yaml:"sizeLimit"`
		} `yaml:"emptyDir"`
	}
)

func workload(t *testing.T) deployment {
	t.Helper()
	var d deployment
	decode(t, documents(t, "kubernetes/workload.yaml")["Deployment"], &d)
	return d
}

func (p pod) container(t *testing.T, name string) container {
	t.Helper()
	all := slices.Concat(p.InitContainers, p.Containers)
	i := slices.IndexFunc(all, func(c container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no container %s", name)
	}
	return all[i]
}

func (c container) mount(t *testing.T, path string) string {
	t.Helper()
	for _, m := range c.VolumeMounts {
		if path == m.MountPath || strings.HasPrefix(path, m.MountPath+"/") {
			return m.Name
		}
	}
	t.Fatalf("%s mounts nothing for %s", c.Name, path)
	return ""
}

// The restricted Pod Security Standard, and a read-only root, which it does not
// ask for.
func TestPodIsRestricted(t *testing.T) {
	p := workload(t).Spec.Template.Spec
	if !p.SecurityContext.RunAsNonRoot || p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("pod: %+v", p.SecurityContext)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Error("the pod gets a token of the API server")
	}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		s := c.SecurityContext
		if s.RunAsUser == 0 || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			!s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s: %+v", c.Name, s)
		}
		if c.Resources.Requests["cpu"] == "" || c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
			t.Errorf("%s: resources %+v", c.Name, c.Resources)
		}
	}
}

// Sidecars start in order, before the application; the socket and the spool are
// where the policy says; only those who need the socket reach it.
func TestPodAgreesWithPolicy(t *testing.T) {
	p, pol := workload(t).Spec.Template.Spec, load(t, "policy.yaml", read(t, "policy.yaml"), environment)
	var order []string
	for _, c := range p.InitContainers {
		order = append(order, c.Name)
		if c.RestartPolicy != "Always" || c.StartupProbe == nil || c.ReadinessProbe == nil {
			t.Errorf("%s is no native sidecar that others wait for", c.Name)
		}
	}
	if !slices.Equal(order, []string{"envoy", "sealmesh"}) {
		t.Errorf("sidecars %q", order)
	}
	envoy, sealmesh, app := p.container(t, "envoy"), p.container(t, "sealmesh"), p.container(t, "customers")
	socket, ok := strings.CutPrefix(pol.Listen, "unix://")
	run := sealmesh.mount(t, socket)
	if !ok || envoy.mount(t, socket) != run || len(app.VolumeMounts) != 0 {
		t.Errorf("the socket %s is not envoy's and sealmesh's alone", socket)
	}
	group := p.SecurityContext.FSGroup
	if group != 65532 || sealmesh.SecurityContext.RunAsGroup != group || envoy.SecurityContext.RunAsGroup != group ||
		sealmesh.SecurityContext.RunAsUser == envoy.SecurityContext.RunAsUser || app.SecurityContext.RunAsGroup == group {
		t.Error("sealmesh and envoy share a group, and no user")
	}
	kinds := make(map[string]volume)
	for _, v := range p.Volumes {
		kinds[v.Name] = v
	}
	if v := kinds[run]; v.EmptyDir == nil || v.EmptyDir.Medium != "Memory" {
		t.Errorf("%s: %+v", run, v)
	}
	if v := kinds[sealmesh.mount(t, pol.Audit.SpoolDir)]; v.EmptyDir == nil || v.Name == run {
		t.Errorf("spool: %+v", v)
	}
	if v := kinds[sealmesh.mount(t, argument(t, sealmesh, "--config"))]; v.ConfigMap == nil || v.Name != envoy.mount(t, argument(t, envoy, "--config-path")) {
		t.Errorf("config: %+v", v)
	}
	if !slices.ContainsFunc(sealmesh.Env, func(e struct{ Name, Value string }) bool {
		return e.Name == "SEALMESH_KEK" && strings.HasPrefix(e.Value, "awskms:///arn:aws:kms:")
	}) {
		t.Error("the policy's ${SEALMESH_KEK} is not set")
	}
}

func argument(t *testing.T, c container, flag string) string {
	t.Helper()
	i := slices.Index(c.Args, flag)
	if i < 0 || i+1 == len(c.Args) {
		t.Fatalf("%s: no %s", c.Name, flag)
	}
	return c.Args[i+1]
}

type (
	service struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
		Spec       struct {
			Selector map[string]string
			Ports    []struct {
				Name       string
				Port       int
				TargetPort int `yaml:"targetPort"`
			}
		}
	}
	networkPolicy struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
		Spec       struct {
			PodSelector selector `yaml:"podSelector"`
			PolicyTypes []string `yaml:"policyTypes"`
			Ingress     []struct {
				Ports []struct {
					Protocol string
					Port     int
				}
			}
		}
	}
	budget struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
		Spec       struct {
			MinAvailable int `yaml:"minAvailable"`
			Selector     selector
		}
	}
)

// Ports, probes, Service and NetworkPolicy are those of the Envoy
// configuration.
func TestPortsAgree(t *testing.T) {
	d := workload(t)
	p := d.Spec.Template.Spec
	listens := make(map[string]int)
	for _, l := range podEnvoy(t, load(t, "policy.yaml", read(t, "policy.yaml"), environment)).StaticResources.Listeners {
		listens[l.Name] = int(l.GetAddress().GetSocketAddress().GetPortValue())
	}
	http, operations := listens["ingress"], listens["operations"]
	envoy, sealmesh := p.container(t, "envoy"), p.container(t, "sealmesh")
	if len(listens) != 2 || len(envoy.Ports) != 2 || envoy.Ports[0].ContainerPort != http || envoy.Ports[1].ContainerPort != operations {
		t.Errorf("envoy listens on %v and declares %v", listens, envoy.Ports)
	}
	if envoy.StartupProbe.TCPSocket.Port != operations || envoy.ReadinessProbe.TCPSocket.Port != http ||
		sealmesh.StartupProbe.GRPC.Port != operations || sealmesh.ReadinessProbe.GRPC.Port != operations {
		t.Error("a probe has another port")
	}
	if got := d.Spec.Template.Metadata.Annotations["prometheus.io/port"]; got != fmt.Sprint(operations) {
		t.Errorf("Prometheus asks port %s", got)
	}
	docs := documents(t, "kubernetes/network.yaml")
	labels := d.Spec.Template.Metadata.Labels
	var service service
	decode(t, docs["Service"], &service)
	var network networkPolicy
	decode(t, docs["NetworkPolicy"], &network)
	var b budget
	decode(t, docs["PodDisruptionBudget"], &b)
	if service.Spec.Ports[0].TargetPort != http {
		t.Errorf("the Service sends to %d", service.Spec.Ports[0].TargetPort)
	}
	open := network.Spec.Ingress[0].Ports
	if len(open) != 2 || open[0].Port != http || open[1].Port != operations || len(network.Spec.Ingress) != 1 {
		t.Errorf("the NetworkPolicy opens %v", network.Spec.Ingress)
	}
	if b.Spec.MinAvailable >= d.Spec.Replicas {
		t.Error("no node can be drained")
	}
	for kind, s := range map[string]map[string]string{"Deployment": d.Spec.Selector.MatchLabels, "Service": service.Spec.Selector,
		"NetworkPolicy": network.Spec.PodSelector.MatchLabels, "PodDisruptionBudget": b.Spec.Selector.MatchLabels} {
		if len(s) != 1 || s["app"] != labels["app"] {
			t.Errorf("%s selects %v, the pods have %v", kind, s, labels)
		}
	}
}

// podEnvoy is the configuration that Envoy has in the pod: what the command of
// kustomization.yaml prints, and what the workload adds to it with
// --config-yaml, merged as Envoy merges them.
func podEnvoy(t *testing.T, p *policy.Policy) *bootstrapv3.Bootstrap {
	t.Helper()
	text := strings.ReplaceAll(read(t, "kubernetes/kustomization.yaml"), "\n# ", " ")
	flags := regexp.MustCompile(`sealmesh envoy -c policy\.yaml --upstream (\S+) --listen (\S+) > envoy\.yaml`).FindStringSubmatch(text)
	if flags == nil || !strings.Contains(read(t, "README.md"), flags[0]) {
		t.Fatalf("kustomization.yaml and README.md do not give one command: %q", flags)
	}
	b, err := bootstrap.New(p, bootstrap.Options{Upstream: flags[1], Listen: flags[2]})
	must(t, err)
	c := workload(t).Spec.Template.Spec.container(t, "envoy")
	var more bootstrapv3.Bootstrap
	message(t, argument(t, c, "--config-yaml"), &more)
	proto.Merge(b, &more)
	must(t, b.ValidateAll())
	return b
}

// The ConfigMap has the files that the containers read, and every manifest is
// applied.
func TestKustomization(t *testing.T) {
	var k struct {
		APIVersion         string `yaml:"apiVersion"`
		Kind               string
		Resources          []string
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		} `yaml:"configMapGenerator"`
	}
	decode(t, read(t, "kubernetes/kustomization.yaml"), &k)
	p := workload(t).Spec.Template.Spec
	files := []string{filepath.Base(argument(t, p.container(t, "sealmesh"), "--config")), filepath.Base(argument(t, p.container(t, "envoy"), "--config-path"))}
	if len(k.ConfigMapGenerator) != 1 || !slices.Equal(k.ConfigMapGenerator[0].Files, files) || k.ConfigMapGenerator[0].Name != "sealmesh" {
		t.Errorf("%+v, and the containers read %q", k.ConfigMapGenerator, files)
	}
	entries, err := os.ReadDir("kubernetes")
	must(t, err)
	for _, e := range entries {
		if e.Name() != "kustomization.yaml" && !slices.Contains(k.Resources, e.Name()) {
			t.Errorf("%s is not applied", e.Name())
		}
	}
	var account struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
	}
	decode(t, documents(t, "kubernetes/workload.yaml")["ServiceAccount"], &account)
	if account.Metadata.Name != p.ServiceAccountName || account.Metadata.Annotations["eks.amazonaws.com/role-arn"] == "" {
		t.Errorf("%+v", account)
	}
}
