package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A parameter is the segment of the path, decoded once, byte for byte; what two
// servers could take for different values is refused.
func TestParam(t *testing.T) {
	p, err := load(t, `version: 1
routes: [{name: a, match: {path: "/Customers/{id}/orders/{order}/**"}, skip: true}]
`)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Routes[0]
	longest := strings.Repeat("x", MaxParamBytes)
	for _, c := range []struct {
		id, want string
		err      error
	}{
		{"9", "9", nil},
		{"09", "09", nil},
		{"aB", "aB", nil},
		{"%61B", "aB", nil},
		{"a+b", "a+b", nil},
		{"a%20b", "a b", nil},
		{"Zo%C3%AB", "Zoë", nil},
		{"Zo%c3%ab", "Zoë", nil},
		{"Zoe%CC%88", "Zoe\u0308", nil},
		{"9.json", "9.json", nil},
		{"100%25", "100%", nil},
		{longest, longest, nil},
		{longest + "x", "", ErrLongParam},
		{"9;v=1", "", ErrAmbiguousPath},
		{"9%3Bv=1", "", ErrAmbiguousPath},
		{"9%2F8", "", ErrAmbiguousPath},
		{"9%5C8", "", ErrAmbiguousPath},
		{"%2539", "", ErrAmbiguousPath},
		{"%FF", "", ErrAmbiguousPath},
		{"%209", "", ErrAmbiguousPath},
		{"..", "", ErrAmbiguousPath},
		{"", "", ErrAmbiguousPath},
	} {
		for _, target := range []string{"/Customers/%s/orders/1", "/Customers/%s/orders/1/", "/Customers/%s/orders/1/lines/2?id=8&order=%%2F"} {
			target = fmt.Sprintf(target, c.id)
			if got, err := r.Param(target, "id"); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%.80s: %.40q, %v, want %.40q, %v", target, got, err, c.want, c.err)
			}
		}
	}
	if got, err := r.Param("/Customers/1/orders/7/x", "order"); got != "7" || err != nil {
		t.Errorf("the second: %q, %v", got, err)
	}
	if _, err := r.Param("/Customers/1/orders/7/x", "nobody"); err == nil {
		t.Error("a name that the route does not have")
	}
}
