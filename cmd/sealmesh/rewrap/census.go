package rewrap

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// A census counts the envelopes or records of a dry run by kind.
type census struct {
	key      string
	kinds    map[string]int
	dataKeys int // data keys that would need calls to KEKs
	calls    int
}

func newCensus() *census { return &census{kinds: map[string]int{}} }

func (c *census) add(kind string, calls int) {
	c.kinds[kind]++
	c.calls += calls
	if calls > 0 {
		c.dataKeys++
	}
}

// kind describes an envelope: suite, form, key and KEKs.
func (c *census) kind(s rewrap.Survey) string {
	form := "inline"
	if s.ByID {
		form = "by id"
	}
	kind := suite.ByID(s.Suite).Name + ", " + form
	if s.Status == rewrap.Elsewhere {
		return kind
	}
	return fmt.Sprintf("%s, key %s, wrapped by %s", kind, c.key, wrappers(s))
}

// wrappers names the KEKs of the wraps in a record.
func wrappers(s rewrap.Survey) string {
	by := s.KEKs
	if s.Other > 0 {
		by = append(slices.Clone(by), "others")
	}
	return strings.Join(by, " and ")
}

func (c *census) print(w io.Writer) {
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		fmt.Fprintf(w, "  %d × %s\n", c.kinds[kind], kind)
	}
	fmt.Fprintf(w, "  %s for %s\n", cli.Count(c.calls, "KEK call"), cli.Count(c.dataKeys, "data key"))
}
