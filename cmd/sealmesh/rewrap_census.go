package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache"
)

// A census counts the envelopes of a dry run by what they are.
type census struct {
	key      string
	kinds    map[string]int
	dataKeys int // that calls of KEKs would be made for
	calls    int
}

func newCensus() *census { return &census{kinds: map[string]int{}} }

func (c *census) add(s keycache.Survey) {
	c.kinds[c.kind(s)]++
	c.calls += s.Calls
	if s.Calls > 0 {
		c.dataKeys++
	}
}

func (c *census) kind(s keycache.Survey) string {
	name := suite.ByID(s.Suite).Name
	if s.ByID {
		return name + ", by id"
	}
	by := s.KEKs
	if s.Other > 0 {
		by = append(slices.Clone(by), "others")
	}
	return fmt.Sprintf("%s, inline, key %s, wrapped by %s", name, c.key, strings.Join(by, " and "))
}

func (c *census) print(w io.Writer) {
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		fmt.Fprintf(w, "  %d × %s\n", c.kinds[kind], kind)
	}
	fmt.Fprintf(w, "  %s for %s\n", count(c.calls, "KEK call"), count(c.dataKeys, "data key"))
}
