package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/report"
	"github.com/sealmesh/sealmesh/bench/stats"
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// keys opens documents whose values are under 1 to 10,000 data keys, all of
// them cached.
func keys(ctx context.Context, b *bench) error {
	s := report.Section{Title: "Distinct data keys on open", Text: "2 KiB, 5 fields, each value under another data key, its record inline; 2,000 documents in turn. All keys are unwrapped before the clock runs. Closed loop, concurrency 16."}
	stack, err := b.stack(ctx, ours)
	if err != nil {
		return err
	}
	t := trial{id: "keys", body: load.NewDocument(2*kib, 5), conns: 16, turn: turnTime, rounds: pick(b, 3, 9)}
	for _, n := range pick(b, []int{1, 10_000}, []int{1, 10, 100, 1000, 10_000}) {
		c := contestant{fmt.Sprintf("%d data keys", n), ours, fmt.Sprintf("/open/keys-%d", n)}
		docs, err := sealedUnder(ctx, b, filepath.Join(stack.Dir, "kek"), t.body, n, 2000)
		if err != nil {
			return err
		}
		b.testbed.Upstream.Serve(c.path, docs...)
		for range len(docs) {
			if _, err := stack.Client.Do(request(c.path, nil)); err != nil {
				return err
			}
		}
		t.contestants = append(t.contestants, c)
	}
	t.prepared = true
	if err := b.run(ctx, t); err != nil {
		return err
	}
	table := report.Table{Columns: []string{"", "requests/s", "× one key", "processor CPU µs", "× one key"}}
	one := t.contestants[0].name
	for _, c := range t.contestants {
		table.Rows = append(table.Rows, []string{c.name, stats.Number(b.samples.Spread(t.id, c.name, stats.PerSecond).Median), b.samples.Ratio(t.id, c.name, one, stats.PerSecond).String(),
			stats.Number(b.samples.Spread(t.id, c.name, stats.ProcessorCPU).Median), b.samples.Ratio(t.id, c.name, one, stats.ProcessorCPU).String()})
	}
	s.Tables = append(s.Tables, table)
	b.section(s)
	b.atLeast("open with 10,000 distinct cached data keys: requests/s, × one data key", 0.9, b.samples.Ratio(t.id, "10000 data keys", one, stats.PerSecond))
	return nil
}

// sealedUnder makes n copies of doc whose values are sealed in turn under that
// many data keys of the KEK at file.
func sealedUnder(ctx context.Context, b *bench, file string, doc []byte, keys, n int) ([][]byte, error) {
	ring, recorder, err := openKEK(ctx, b, file)
	if err != nil {
		return nil, err
	}
	defer recorder.Close(ctx)
	sealers := make([]sealer, keys)
	for i := range sealers {
		// Each cache makes a data key of its own.
		if sealers[i].cache, err = keycache.New(ring, keycache.Options{Recorder: recorder}); err != nil {
			return nil, err
		}
		defer sealers[i].cache.Close()
		if sealers[i].tag, err = sealers[i].cache.Tag("card", "bench", suite.XAES256GCM, nil); err != nil {
			return nil, err
		}
	}
	out, next := make([][]byte, n), 0
	for i := range out {
		out[i], err = replaceValues(doc, func(value string) ([]byte, error) {
			next++
			return sealers[next%keys].seal(ctx, value)
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

type sealer struct {
	cache *keycache.Cache
	tag   *keycache.Tag
}

func (s sealer) seal(ctx context.Context, value string) ([]byte, error) {
	session := s.cache.Session(ctx, keyuse.Exchange{})
	text, err := session.Seal(nil, s.tag, codec.Text, []byte(value))
	return text, errors.Join(err, session.Close(err))
}

// replaceValues replaces the fields of a document.
func replaceValues(doc []byte, f func(string) ([]byte, error)) ([]byte, error) {
	const member = `"` + load.Member + `":"`
	var b bytes.Buffer
	rest := string(doc)
	for {
		before, after, ok := strings.Cut(rest, member)
		b.WriteString(before)
		if !ok {
			return b.Bytes(), nil
		}
		value, tail, _ := strings.Cut(after, `"`)
		text, err := f(value)
		if err != nil {
			return nil, err
		}
		b.WriteString(member)
		b.Write(text)
		b.WriteByte('"')
		rest = tail
	}
}

// openKEK opens the KEK at file as the policy of the bench does, and a recorder
// whose key uses a collector takes.
func openKEK(ctx context.Context, b *bench, file string) (*hsm.Keyring, *keyuse.Recorder, error) {
	kek, err := builtin.Open(ctx, "local:"+file, builtin.Options{})
	if err != nil {
		return nil, nil, err
	}
	ec, err := hsm.NewEncryptionContext(map[string]string{"service": "bench"})
	if err != nil {
		return nil, nil, err
	}
	ring, err := hsm.NewKeyring(&hsm.Key{Name: "bench", Context: ec, Quorum: 1, KEKs: []hsm.KEK{kek}})
	if err != nil {
		return nil, nil, err
	}
	url, err := b.testbed.Collector()
	if err != nil {
		return nil, nil, err
	}
	recorder, err := keyuse.Open(keyuse.Options{Getenv: func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}[name]
	}})
	return ring, recorder, err
}
