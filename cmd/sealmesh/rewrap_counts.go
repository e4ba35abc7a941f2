package main

import (
	"fmt"

	"github.com/sealmesh/sealmesh/keycache"
)

// counts are what a job has met so far.
type counts struct {
	Seen      int `json:"envelopes"` // envelopes, or records of stores
	Changed   int `json:"changed"`   // or would be
	Current   int `json:"current"`   // nothing to do
	Unrelated int `json:"unrelated"`
	Elsewhere int `json:"elsewhere"` // by id: the record is not at hand
	Lookalike int `json:"lookalike"` // text that begins like an envelope, and is none
	Failed    int `json:"failed"`
}

func (c *counts) tally(what keycache.Wrapping) {
	switch what {
	case keycache.Outdated:
		c.Changed++
	case keycache.Unrelated:
		c.Unrelated++
	case keycache.Elsewhere:
		c.Elsewhere++
	default:
		c.Current++
	}
}

// text reads "3 envelopes: 2 changed, …".
func (c counts) text(noun, changed string) string {
	text := fmt.Sprintf("%s: %d %s, %d current, %d of other keys, %d failed", count(c.Seen, noun), c.Changed, changed, c.Current, c.Unrelated, c.Failed)
	if noun == "envelope" {
		text += fmt.Sprintf("; %d that only look like one", c.Lookalike)
	}
	return text
}

// failed is how a job ends that left some as they were.
func failed(c counts, noun string) error {
	if c.Failed == 0 {
		return nil
	}
	return fmt.Errorf("rewrap: %w: %s failed and stay as they were", errFindings, count(c.Failed, noun))
}
