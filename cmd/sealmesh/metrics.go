package main

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy"
)

// A metric is the description of one time series family.
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

// A collector reads the counters that the other packages keep, when it is asked:
// counting costs an exchange an atomic add, and nothing else.
type collector struct {
	a *admin

	exchanges, bodies, fields, plaintext, null, passed, refused metric
	active, held, flowed, signed                                metric
	kmsRequests, kmsSeconds                                     metric
	hits, stale, misses, evictions, rotations, degraded         metric
	entries, doubted                                            metric
	storeRequests, storeInlined, storeDown                      metric
	audited, auditLost, auditBytes, auditDown                   metric
	spoolDown, damaged                                          metric
	reloadOK, reloadTime, build, differing, away                metric
	unverified                                                  metric
}

func newCollector(a *admin) *collector {
	return &collector{
		a:             a,
		exchanges:     counter("exchanges_total", "HTTP exchanges that Envoy handed over.", "route"),
		bodies:        counter("bodies_total", "Bodies rewritten.", "route", "direction"),
		fields:        counter("fields_total", "Values sealed or opened.", "route", "operation"),
		plaintext:     counter("plaintext_passed_total", "Values left in clear where an envelope was expected, in a migration window.", "route"),
		null:          counter("null_passed_total", "Values that were null where an envelope was expected.", "route"),
		passed:        counter("bodies_passed_total", "Bodies passed unread: a pass type, or a response that is only opened and that no codec reads.", "route", "direction"),
		refused:       counter("refused_total", "Exchanges refused, by stable code.", "route", "direction", "code"),
		active:        gauge("exchanges_active", "Exchanges in flight."),
		held:          gauge("body_memory_bytes", "Memory that exchanges in flight are charged for the bodies that they hold."),
		flowed:        counter("responses_flowed_total", "Responses that were streamed, without their length, since there was no memory to hold them.", "route"),
		signed:        counter("signed_bodies_changed_total", "Bodies that were changed, and that a header of the message signs or digests.", "route", "direction"),
		kmsRequests:   counter("kms_requests_total", "Calls of a KMS or HSM.", "key", "provider", "operation", "result"),
		kmsSeconds:    counter("kms_request_seconds_total", "Time spent in calls of a KMS or HSM.", "key", "provider", "operation"),
		hits:          counter("data_key_cache_hits_total", "Values whose data key was unwrapped already.", "key"),
		stale:         counter("data_key_cache_stale_total", "Values served by a data key past its soft bound.", "key"),
		misses:        counter("data_key_cache_misses_total", "Data keys that had to be unwrapped, by why they were not there.", "key", "reason"),
		evictions:     counter("data_key_cache_evictions_total", "Data keys that left the cache, by why.", "key", "reason"),
		rotations:     counter("data_key_rotations_total", "New data keys for sealing, by why.", "key", "reason"),
		degraded:      counter("data_key_degraded_total", "Data keys that not every KEK wrapped.", "key"),
		doubted:       gauge("data_keys_unclear", "Unwrapped data keys that serve to their soft TTL only: the KMS's last answer was unclear.", "key"),
		entries:       gauge("data_key_cache_entries", "Unwrapped data keys held.", "key"),
		storeRequests: counter("store_requests_total", "Calls of a store of wrapped data keys; a record that is not there counts as corrupt.", "key", "operation", "result"),
		storeInlined:  counter("store_inlined_total", "Data keys that went inline because the store was away.", "key"),
		storeDown:     gauge("store_unavailable", "1 when the last call of a key's store got no answer, or a refusal.", "key"),
		audited:       counter("audit_spans_total", "Key-use spans, by how far they came.", "state"),
		auditLost:     counter("audit_spans_dropped_total", "Key-use spans lost."),
		auditBytes:    gauge("audit_pending_bytes", "Key-use spans waiting for a collector.", "where"),
		auditDown:     gauge("audit_collector_down", "1 when the last export of key-use spans failed."),
		spoolDown:     gauge("audit_spool_failing", "1 when the last write of key-use spans to the spool failed, or found it full."),
		damaged:       gauge("audit_damaged_bytes", "Spool files that could not be read to their end, and are kept for the operator."),
		reloadOK:      gauge("config_last_reload_successful", "1 when the last reload of the policy took effect."),
		reloadTime:    gauge("config_last_reload_success_timestamp_seconds", "When the policy in force was loaded."),
		differing:     gauge("keks_not_as_required", "KEKs that were not what require: says when last asked."),
		away:          gauge("keks_away", "KEKs that could not be opened, and are tried again: the key goes on without them.", "key"),
		unverified:    counter("exchanges_unverified_total", "Exchanges of an Envoy whose configuration does not say for which policy it was made."),
		build:         gauge("build_info", "Version of the binary and of the policy in force.", "version", "goversion", "policy"),
	}
}

// Describe sends nothing: the collector is unchecked, since routes and keys come
// and go with reloads.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	put := func(m metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
	}
	metrics := c.a.reload.metrics
	put(c.active, float64(metrics.Active.Load()))
	put(c.unverified, float64(metrics.Stamps.None.Load()))
	put(c.held, float64(c.a.reload.server.Held()))
	metrics.Each(func(route string, n *proxy.Counts) { c.route(put, route, n) })
	rt := c.a.reload.server.Runtime()
	for _, k := range rt.Cache().Stats().Keys {
		c.key(put, k)
	}
	c.audit(put)
	ok := 1.0
	if c.a.reload.failed.Load() {
		ok = 0
	}
	put(c.reloadOK, ok)
	put(c.differing, float64(c.a.reload.differences().count()))
	put(c.reloadTime, float64(c.a.reload.lastGood.Load()))
	put(c.build, 1, version, runtime.Version(), rt.Policy().Hash)
}

type putter func(m metric, v float64, labels ...string)

func (c *collector) route(put putter, route string, n *proxy.Counts) {
	put(c.exchanges, float64(n.Exchanges.Load()), route)
	for i, direction := range []string{"request", "response"} {
		put(c.bodies, float64(n.Bodies[i].Load()), route, direction)
		put(c.passed, float64(n.Passed[i].Load()), route, direction)
		put(c.signed, float64(n.Signed[i].Load()), route, direction)
	}
	put(c.fields, float64(n.Sealed.Load()), route, "seal")
	put(c.fields, float64(n.Opened.Load()), route, "open")
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
	put(c.away, float64(k.Away), k.Key)
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

// calls adds up the KEKs of a key that are of one kind: a KEK's own identity is
// for spans, and would make too many series.
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
	s := c.a.recorder.Stats()
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
