package admin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/calls"
)

// keyView is a key as /keys shows it. Durations are strings such as "5m0s".
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
	// Revocation explains what happens to a key of several KEKs when one of them
	// is revoked.
	Revocation string `json:"revocation,omitempty"`
}

// dataKeyView is the data key that seals at present.
type dataKeyView struct {
	ID       string `json:"id"`
	Age      string `json:"age"`
	Wraps    int    `json:"wraps"`
	Uses     uint64 `json:"uses"`
	Bytes    uint64 `json:"bytes"`
	Verified bool   `json:"verified"`
}

// callView is the result of the last call to a KEK or a store.
type callView struct {
	Operation string `json:"last_operation,omitempty"` // "open" for a KEK that could not be opened
	At        string `json:"last_at,omitempty"`
	Result    string `json:"last_result,omitempty"` // ok, or the class of the error
	Error     string `json:"last_error,omitempty"`
}

// kekView is a KEK of a key.
type kekView struct {
	URI      string `json:"uri"`
	Identity string `json:"identity"`
	callView
	BackingOff bool   `json:"backing_off,omitempty"` // not called for a while after a failed call
	Verified   string `json:"last_verified_at,omitempty"`
	Former     bool   `json:"former_target,omitempty"` // of an alias: it only unwraps
	Denied     bool   `json:"denied,omitempty"`        // by the last verification: the key stops
	Violation  string `json:"requirement_violation,omitempty"`
}

func (a *Admin) keys(w http.ResponseWriter, _ *http.Request) {
	violations := a.Violations()
	views := []keyView{}
	for _, k := range a.Server.Runtime().Cache().Keys() {
		views = append(views, viewOf(k, violations[k.Name]))
	}
	writeJSON(w, views)
}

func viewOf(k keycache.KeyStatus, violations map[string]error) keyView {
	v := keyView{
		Name: k.Name, Pinned: k.Pinned, Suites: k.Suites, Quorum: k.Quorum,
		Soft: k.Soft.String(), Hard: k.Hard.String(), Entries: k.Entries,
	}
	if len(k.KEKs) > 1 {
		v.Revocation = fmt.Sprintf("a KEK that is disabled, deleted or denied stops the key within %v, even if the other KEKs work: remove it from the policy first. A KEK that is unavailable or unclear is skipped", k.Soft)
	}
	if k.Store != nil {
		v.Store = new(viewOfCall(k.Store))
	}
	if d := k.DataKey; d != nil {
		v.DataKey = &dataKeyView{d.ID, d.Age.Round(time.Second).String(), d.Wraps, d.Uses, d.Bytes, d.Verified}
	}
	for _, kek := range k.KEKs {
		one := kekView{URI: kek.URI, Identity: kek.Identity, callView: viewOfCall(kek.Last), BackingOff: kek.Shut, Denied: kek.Denied, Former: kek.Former}
		if !kek.Vouched.IsZero() {
			one.Verified = kek.Vouched.UTC().Format(time.RFC3339)
		}
		if err := violations[kek.URI]; err != nil {
			one.Violation = err.Error()
		}
		v.KEKs = append(v.KEKs, one)
	}
	return v
}

// viewOfCall returns the view of last, an empty one for nil.
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

// flush evicts the unwrapped data keys of the key in the query, or of all keys.
// A revocation then takes effect at once, for exchanges in flight too.
func (a *Admin) flush(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("key")
	if r.URL.Query().Has("key") && name == "" || !a.Flush(name) {
		http.Error(w, fmt.Sprintf("no key %q; GET /keys lists the keys", name), http.StatusNotFound)
		return
	}
	a.Log.Warn("data keys flushed", "key", name)
	w.WriteHeader(http.StatusNoContent)
}
