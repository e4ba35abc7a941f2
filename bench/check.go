package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/bench/testbed"
)

// request is a POST of body to path, or a GET if the route only opens
// responses.
func request(path string, body []byte) *load.Request {
	if strings.HasPrefix(path, "/open/") {
		return load.NewRequest("GET", path, nil)
	}
	return load.NewRequest("POST", path, body)
}

var inClear = []byte(`"` + load.Member + `":"4539`)

// check sends one request and verifies that the contestant does the work under
// measurement: no value reaches the upstream in clear, and the client gets all
// values back.
func (b *bench) check(k *turn) error {
	if strings.HasPrefix(k.path, "/open/") {
		if err := b.prepare(k); err != nil {
			return err
		}
	}
	b.testbed.Upstream.Watch(true)
	defer b.testbed.Upstream.Watch(false)
	got, err := k.stack.Client.Do(k.request)
	if err != nil {
		return err
	}
	name := strings.Split(k.path, "/")[1]
	works := (k.spec.Kind == testbed.Naive || k.spec.Kind == testbed.Sealmesh || k.spec.Kind == testbed.Embedded) && bytes.Contains(k.body, inClear)
	if works && (name == "both" || name == "seal" || name == "stream") {
		if stored := b.testbed.Upstream.Last(); len(stored) == 0 || bytes.Contains(stored, inClear) {
			return errors.New("the upstream got a value in clear")
		}
	}
	if works && name == "seal" || name == "sink" {
		return nil
	}
	return same(got, k.body, k.spec.Kind == testbed.Naive)
}

// same returns an error if got differs from want. If loose is set, the order of
// members does not matter.
func same(got, want []byte, loose bool) error {
	if bytes.Equal(got, want) {
		return nil
	}
	var a, b any
	if loose && json.Unmarshal(got, &a) == nil && json.Unmarshal(want, &b) == nil && reflect.DeepEqual(a, b) {
		return nil
	}
	return fmt.Errorf("the client got another body than it sent: %.80q", got)
}

// prepare makes the upstream answer k.path with the body that the contestant's
// own sealing route stored.
func (b *bench) prepare(k *turn) error {
	b.testbed.Upstream.Watch(true)
	defer b.testbed.Upstream.Watch(false)
	if _, err := k.stack.Client.Do(load.NewRequest("POST", "/seal/once", k.body)); err != nil {
		return err
	}
	b.testbed.Upstream.Serve(k.path, b.testbed.Upstream.Last())
	return nil
}
