package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/calls"
)

// keyView is a key as /keys shows it. Durations are texts such as "5m0s".
type keyView struct {
	Name    string       `json:"name"`
	Pinned  bool         `json:"pinned,omitempty"`
	Suites  []string     `json:"suites,omitempty"`
	Quorum  int          `json:"quorum"`
	Soft    string       `json:"soft"`
	Hard    string       `json:"hard"`
	Entries int          `json:"entries"`
	DataKey *dataKeyView `json:"data_key,omitempty"`
	KEKs    []kekView    `json:"keks"`
	Store   *callView    `json:"store,omitempty"`
	// Revoking says what becomes of a key of several KEKs when one of them is revoked.
	Revoking string `json:"revoking,omitempty"`
}

// dataKeyView is the data key that seals.
type dataKeyView struct {
	ID       string `json:"id"`
	Age      string `json:"age"`
	Wraps    int    `json:"wraps"`
	Uses     uint64 `json:"uses"`
	Bytes    uint64 `json:"bytes"`
	Verified bool   `json:"verified"`
}

// callView is how the last call of a KEK or a store ended.
type callView struct {
	Operation string `json:"last_operation,omitempty"` // open for a KEK that could not be
	At        string `json:"last_at,omitempty"`
	Result    string `json:"last_result,omitempty"` // ok, or the class of the error
	Error     string `json:"last_error,omitempty"`
}

type kekView struct {
	URI      string `json:"uri"`
	Identity string `json:"identity"`
	callView
	Shut        bool   `json:"shut,omitempty"` // not asked for a moment, because of how the last call ended
	Vouched     string `json:"last_vouched_at,omitempty"`
	Former      bool   `json:"former_target,omitempty"` // an alias stood for it before: it unwraps alone
	Denied      bool   `json:"denied,omitempty"`        // it said no when it was verified: the key stops
	NotRequired string `json:"not_as_required,omitempty"`
}

func (a *admin) keys(w http.ResponseWriter, _ *http.Request) {
	differing := a.reload.differences()
	views := []keyView{}
	for _, k := range a.reload.server.Runtime().Cache().Keys() {
		views = append(views, viewOf(k, differing[k.Name]))
	}
	writeJSON(w, views)
}

func viewOf(k keycache.KeyStatus, differing map[string]error) keyView {
	v := keyView{
		Name: k.Name, Pinned: k.Pinned, Suites: k.Suites, Quorum: k.Quorum,
		Soft: k.Soft.String(), Hard: k.Hard.String(), Entries: k.Entries,
	}
	if len(k.KEKs) > 1 {
		v.Revoking = fmt.Sprintf("a KEK that is disabled, deleted or denied stops the key within %v, whatever the others say: take it out of the policy first. One that does not answer, or not clearly, is passed over", k.Soft)
	}
	if k.Store != nil {
		v.Store = new(viewOfCall(k.Store))
	}
	if d := k.DataKey; d != nil {
		v.DataKey = &dataKeyView{d.ID, d.Age.Round(time.Second).String(), d.Wraps, d.Uses, d.Bytes, d.Verified}
	}
	for _, kek := range k.KEKs {
		one := kekView{URI: kek.URI, Identity: kek.Identity, callView: viewOfCall(kek.Last), Shut: kek.Shut, Denied: kek.Denied, Former: kek.Former}
		if !kek.Vouched.IsZero() {
			one.Vouched = kek.Vouched.UTC().Format(time.RFC3339)
		}
		if err := differing[kek.URI]; err != nil {
			one.NotRequired = err.Error()
		}
		v.KEKs = append(v.KEKs, one)
	}
	return v
}

// viewOfCall is empty before the first call.
func viewOfCall(last *calls.Last) callView {
	if last == nil {
		return callView{}
	}
	v := callView{Operation: last.Operation, At: last.At.UTC().Format(time.RFC3339), Result: "ok"}
	if last.Err != nil {
		v.Result, v.Error = hsm.ClassOf(last.Err).String(), last.Err.Error()
	}
	return v
}

// flush drops unwrapped data keys, so that a revocation takes effect at once, for
// exchanges in flight too. Without a key, it drops those of every key.
func (a *admin) flush(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("key")
	if r.URL.Query().Has("key") && name == "" || !a.reload.flush(name) {
		http.Error(w, fmt.Sprintf("there is no key %q; GET /keys lists them", name), http.StatusNotFound)
		return
	}
	a.reload.log.Warn("data keys flushed", "key", name)
	w.WriteHeader(http.StatusNoContent)
}
