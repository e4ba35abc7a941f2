package dataplane

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"golang.org/x/net/http/httpguts"
)

var errMutation = errors.New("dataplane: invalid header mutation")

// mutate applies m under Envoy's default mutation_rules. It ignores and counts
// what the rules forbid. A name or value that no header can have is an error. A
// content-length that Envoy has removed (frozen) is not set again.
func (f *fields) mutate(m *extproc.HeaderMutation, frozen bool, rejected func()) error {
	for _, name := range m.GetRemoveHeaders() {
		name = strings.ToLower(name)
		if name == "" || name[0] == ':' || !allowed(name) {
			rejected()
			continue
		}
		f.remove(name)
	}
	for _, o := range m.GetSetHeaders() {
		name, value, err := optionText(o.GetHeader())
		switch {
		case err != nil:
			return err
		case frozen && name == "content-length": // silently ignored
		case !allowed(name), name == ":status" && !validStatus(value):
			rejected()
		case o.GetAppend().GetValue(): // append_action is ignored
			f.add(name, value)
		default:
			f.set(name, value)
		}
	}
	return nil
}

// optionText returns what Envoy reads of a HeaderValue: only raw_value counts.
func optionText(h *corev3.HeaderValue) (name, value string, err error) {
	name, value = strings.ToLower(h.GetKey()), string(h.GetRawValue())
	if !httpguts.ValidHeaderFieldName(strings.TrimPrefix(name, ":")) || !httpguts.ValidHeaderFieldValue(value) {
		return "", "", errMutation
	}
	return name, value, nil
}

// allowed is the default HeaderMutationRules: no header that routes, and none
// of Envoy's own.
func allowed(name string) bool {
	switch name {
	case "host", ":authority", ":scheme", ":method":
		return false
	}
	return !strings.HasPrefix(name, "x-envoy")
}

func validStatus(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= http.StatusOK && n < 600
}
