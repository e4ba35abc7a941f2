package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/places"
)

// A metric describes one metric family.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("sealmesh_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("sealmesh_"+name, help, labels, nil), prometheus.GaugeValue}
}

// A collector reads the counters of other packages when Prometheus scrapes
// them. So counting costs an exchange only an atomic add.
type collector struct {
	a *Admin

	exchanges, bodies, fields, places, plaintext, null, passed, refused metric
	active, held, flowed, signed                                        metric
	kmsRequests, kmsSeconds                                             metric
	hits, stale, misses, evictions, rotations, degraded                 metric
	entries, doubted                                                    metric
	storeRequests, storeInlined, storeDown                              metric
	audited, auditLost, auditBytes, auditDown                           metric
	spoolDown, damaged                                                  metric
	reloadOK, reloadTime, build, violations, unavailable                metric
	unverified, mediated, unmediated, connected, behind                 metric
}

func newCollector(a *Admin) *collector {
	return &collector{
		a:             a,
		exchanges:     counter("exchanges_total", "HTTP exchanges that Envoy sent.", "route"),
		bodies:        counter("bodies_total", "Bodies rewritten.", "route", "direction", "format"),
		fields:        counter("fields_total", "Values sealed or opened.", "route", "operation"),
		places:        counter("place_fields_total", "Those of fields_total that were beside bodies, by place.", "route", "place"),
		plaintext:     counter("plaintext_passed_total", "Values passed in clear instead of an envelope, allowed by migration.", "route"),
		null:          counter("null_passed_total", "Null values passed where an envelope was expected.", "route"),
		passed:        counter("bodies_passed_total", "Bodies passed without reading them: of a pass type, or responses with only open rules and a type without codec.", "route", "direction"),
		refused:       counter("refused_total", "Exchanges refused, by error code.", "route", "direction", "code"),
		active:        gauge("exchanges_active", "Exchanges in flight."),
		held:          gauge("body_memory_bytes", "Memory for bodies that exchanges in flight hold."),
		flowed:        counter("responses_unbuffered_total", "Responses streamed without content-length because no memory was left to buffer them.", "route"),
		signed:        counter("signed_bodies_changed_total", "Bodies changed although a header holds their signature or digest.", "route", "direction"),
		kmsRequests:   counter("kms_requests_total", "Calls to a KMS or HSM.", "key", "provider", "operation", "result"),
		kmsSeconds:    counter("kms_request_seconds_total", "Time spent in calls to a KMS or HSM.", "key", "provider", "operation"),
		hits:          counter("data_key_cache_hits_total", "Values whose data key was already unwrapped.", "key"),
		stale:         counter("data_key_cache_stale_total", "Values sealed or opened with a data key past its soft TTL.", "key"),
		misses:        counter("data_key_cache_misses_total", "Data keys that had to be unwrapped, by reason.", "key", "reason"),
		evictions:     counter("data_key_cache_evictions_total", "Data keys evicted from the cache, by reason.", "key", "reason"),
		rotations:     counter("data_key_rotations_total", "New data keys for sealing, by reason.", "key", "reason"),
		degraded:      counter("data_key_degraded_total", "Data keys that only some of the KEKs wrapped.", "key"),
		doubted:       gauge("data_keys_unclear", "Unwrapped data keys that expire at their soft TTL because the last answer of the KMS was unclear.", "key"),
		entries:       gauge("data_key_cache_entries", "Unwrapped data keys in the cache.", "key"),
		storeRequests: counter("store_requests_total", "Calls to a store of wrapped data keys; a missing record counts as corrupt.", "key", "operation", "result"),
		storeInlined:  counter("store_inlined_total", "Data keys whose record went inline because the store was unavailable.", "key"),
		storeDown:     gauge("store_unavailable", "1 if the last call to the store of a key failed.", "key"),
		audited:       counter("audit_spans_total", "Key-use spans, by state.", "state"),
		auditLost:     counter("audit_spans_dropped_total", "Key-use spans lost."),
		auditBytes:    gauge("audit_pending_bytes", "Key-use spans not yet accepted by a collector.", "where"),
		auditDown:     gauge("audit_collector_down", "1 if the last export of key-use spans failed."),
		spoolDown:     gauge("audit_spool_failing", "1 if the last write of key-use spans to the spool failed, or the spool was full."),
		damaged:       gauge("audit_damaged_bytes", "Size of spool files that could not be read completely and are kept."),
		reloadOK:      gauge("config_last_reload_successful", "1 if the last reload of the policy succeeded."),
		reloadTime:    gauge("config_last_reload_success_timestamp_seconds", "When the policy in force was loaded."),
		violations:    gauge("kek_requirement_violations", "KEKs that violated require: at the last check."),
		unavailable:   gauge("keks_unavailable", "KEKs that could not be opened and are retried; their key works without them.", "key"),
		unverified:    counter("exchanges_unverified_total", "Exchanges from an Envoy whose configuration has no stamp."),
		mediated:      gauge("envoy_mediated", "1 if Envoy, asked at envoy.admin, passes nothing by sealmesh that the policy protects."),
		unmediated:    counter("unmediated_requests_total", "Requests that reached the service without sealmesh, as far as Envoy's stats tell.", "route"),
		connected:     gauge("xds_envoys", "Envoys that get their configuration from this sealmesh."),
		behind:        gauge("xds_envoys_behind", "Those of xds_envoys that have not acknowledged the policy in force, or refused it."),
		build:         gauge("build_info", "Version of the binary and of the policy in force.", "version", "goversion", "policy"),
	}
}

// Describe sends nothing. That makes the collector unchecked, because reloads
// add and remove routes and keys.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the current values.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	put := func(m metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
	}
	metrics := c.a.Metrics
	put(c.active, float64(metrics.Active.Load()))
	put(c.unverified, float64(metrics.Stamps.None.Load()))
	put(c.held, float64(c.a.Server.Held()))
	c.envoy(put)
	metrics.Each(func(route string, n *proxy.Counts) { c.route(put, route, n) })
	rt := c.a.Server.Runtime()
	for _, k := range rt.Cache().Stats() {
		c.key(put, k)
	}
	c.audit(put)
	success, failed := c.a.LastReload()
	put(c.reloadOK, oneIf(!failed))
	put(c.violations, float64(c.a.Violations().Count()))
	put(c.reloadTime, float64(success.Unix()))
	put(c.build, 1, cli.Version(), runtime.Version(), rt.Policy().Hash)
}

func (c *collector) envoy(put putter) {
	behind, nodes := 0, c.a.Envoys()
	for _, n := range nodes {
		if !n.Acknowledged {
			behind++
		}
	}
	put(c.connected, float64(len(nodes)))
	put(c.behind, float64(behind))
	if c.a.Envoy == nil {
		return
	}
	s := c.a.Envoy.State()
	put(c.mediated, oneIf(s.Mediated()))
	for route, n := range s.Unmediated {
		put(c.unmediated, float64(n), route)
	}
}

type putter func(m metric, v float64, labels ...string)

func (c *collector) route(put putter, route string, n *proxy.Counts) {
	put(c.exchanges, float64(n.Exchanges.Load()), route)
	directions := []string{"request", "response"}
	n.Bodies(func(direction int, format string, bodies uint64) {
		put(c.bodies, float64(bodies), route, directions[direction], format)
	})
	for i, direction := range directions {
		put(c.passed, float64(n.Passed[i].Load()), route, direction)
		put(c.signed, float64(n.Signed[i].Load()), route, direction)
	}
	put(c.fields, float64(n.Sealed.Load()), route, "seal")
	put(c.fields, float64(n.Opened.Load()), route, "open")
	for k := places.Body + 1; k < places.Kinds; k++ {
		if values := n.Places[k].Load(); values > 0 {
			put(c.places, float64(values), route, k.String())
		}
	}
	put(c.plaintext, float64(n.Plaintext.Load()), route)
	put(c.null, float64(n.Null.Load()), route)
	put(c.flowed, float64(n.Flowed.Load()), route)
	n.Refused(func(direction, code string, times uint64) {
		put(c.refused, float64(times), route, direction, code)
	})
}

func (c *collector) key(put putter, k keycache.KeyStats) {
	put(c.hits, float64(k.Hits), k.Key)
	put(c.stale, float64(k.Stale), k.Key)
	put(c.degraded, float64(k.Degraded), k.Key)
	put(c.entries, float64(k.Entries), k.Key)
	put(c.doubted, float64(k.Doubted), k.Key)
	put(c.unavailable, float64(k.Unavailable), k.Key)
	for m, by := range map[*metric]map[string]uint64{&c.misses: k.Misses, &c.evictions: k.Evictions, &c.rotations: k.Rotations} {
		for reason, n := range by {
			put(*m, float64(n), k.Key, reason)
		}
	}
	c.calls(put, k)
	if k.Store == nil {
		return
	}
	put(c.storeInlined, float64(k.Store.Inlined), k.Key)
	put(c.storeDown, oneIf(k.Store.Failing), k.Key)
	for _, call := range k.Store.Calls {
		for result, n := range call.Results {
			put(c.storeRequests, float64(n), k.Key, call.Operation, result)
		}
	}
}

// calls sums the calls of a key by kind of KEK. The identity of a KEK is in
// spans; as a label it would make too many series.
func (c *collector) calls(put putter, k keycache.KeyStats) {
	type series struct{ kind, operation, result string }
	requests, seconds := map[series]uint64{}, map[series]float64{}
	for _, call := range k.Calls {
		for result, n := range call.Results {
			requests[series{call.Kind, call.Operation, result}] += n
		}
		seconds[series{call.Kind, call.Operation, ""}] += call.Time.Seconds()
	}
	for s, n := range requests {
		put(c.kmsRequests, float64(n), k.Key, s.kind, s.operation, s.result)
	}
	for s, v := range seconds {
		put(c.kmsSeconds, v, k.Key, s.kind, s.operation)
	}
}

func (c *collector) audit(put putter) {
	s := c.a.Recorder.Stats()
	put(c.audited, float64(s.Recorded), "recorded")
	put(c.audited, float64(s.Exported), "exported")
	put(c.audited, float64(s.Spooled), "spooled")
	put(c.audited, float64(s.Refused), "refused")
	put(c.auditLost, float64(s.Dropped+s.Refused))
	put(c.auditBytes, float64(s.QueueBytes), "memory")
	put(c.auditBytes, float64(s.SpoolBytes), "disk")
	put(c.damaged, float64(s.DamagedBytes))
	put(c.auditDown, oneIf(s.Down))
	put(c.spoolDown, oneIf(s.SpoolFails))
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
