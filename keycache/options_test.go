package keycache

import (
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

func TestNewRefuses(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	many := make([]*keycachetest.KMS, 9) // a record holds eight wraps
	for i := range many {
		many[i] = keycachetest.NewKMS(string(rune('a' + i)))
	}
	for name, c := range map[string]struct {
		key  func(*hsm.Key)
		opt  Options
		kmss []*keycachetest.KMS
	}{
		"no recorder":          {opt: Options{}},
		"negative keys":        {opt: Options{Recorder: r.rec, MaxKeys: -1}},
		"negative parallel":    {opt: Options{Recorder: r.rec, Parallel: -1}},
		"negative timeout":     {opt: Options{Recorder: r.rec, Timeout: -1}},
		"hard below soft":      {opt: Options{Recorder: r.rec}, key: func(k *hsm.Key) { k.Cache = hsm.TTLs{Soft: time.Hour, Hard: time.Minute} }},
		"negative soft":        {opt: Options{Recorder: r.rec}, key: func(k *hsm.Key) { k.Cache.Soft = -1 }},
		"negative age":         {opt: Options{Recorder: r.rec}, key: func(k *hsm.Key) { k.Rotate.Age = -1 }},
		"record that is none":  {opt: Options{Recorder: r.rec}, key: func(k *hsm.Key) { k.Record = []byte("smk1.none") }},
		"more KEKs than wraps": {opt: Options{Recorder: r.rec}, kmss: many},
	} {
		kmss := c.kmss
		if kmss == nil {
			kmss = []*keycachetest.KMS{keycachetest.NewKMS("a")}
		}
		cfg := keyOf(kmss...)
		if c.key != nil {
			c.key(cfg)
		}
		ring, err := hsm.NewKeyring(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cache, err := New(ring, c.opt); err == nil {
			t.Errorf("%s: accepted", name)
			_ = cache.Close()
		}
	}
	r.end()
}

func TestDefaults(t *testing.T) {
	rotate, bounds, err := resolve(&hsm.Key{Cache: hsm.TTLs{Soft: 2 * time.Hour}})
	if err != nil || bounds.Hard != 2*time.Hour || rotate.Uses != DefaultRotateUses {
		t.Errorf("%+v, %+v, %v", rotate, bounds, err)
	}
}
