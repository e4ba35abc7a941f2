package multipart

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// A request of GraphQL with files has its variables inside a field, where no
// path finds them. It is refused, unless the policy says that the field is a
// document.
func TestGraphQLIsRefused(t *testing.T) {
	operations := field("operations", `{"query": "mutation($a: String) {f(ssn: $a)}", "variables": {"a": "1"}}`)
	for name, tc := range map[string]struct {
		body     string
		settings map[string]string
		refused  bool
	}{
		"both":                        {formOf(operations, field("map", "{}")), nil, true},
		"map first":                   {formOf(field("map", "{}"), field("a", "1"), operations), nil, true},
		"operations alone":            {formOf(operations, field("maps", "{}")), nil, false},
		"a document of those we read": {formOf(operations, field("map", "{}")), map[string]string{"part.operations": "json"}, false},
	} {
		for _, cuts := range codectest.Cuttings(len(tc.body))[:4] {
			_, err := rewriting{sel: rules(t, "$..ssn"), tr: codectest.Seal, settings: tc.settings}.run(tc.body, cuts)
			e, ok := errors.AsType[*codec.Error](err)
			if refused := ok && e.Code == codec.Unsupported; refused != tc.refused || !refused && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
