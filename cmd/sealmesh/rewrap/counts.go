package rewrap

import (
	"fmt"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// counts is the result of a job so far.
type counts struct {
	Seen      int `json:"envelopes"` // envelopes, or records of stores
	Changed   int `json:"changed"`   // or would be changed
	Current   int `json:"current"`   // up to date
	Unrelated int `json:"unrelated"` // of other keys
	Elsewhere int `json:"elsewhere"` // by id: the record is not available here
	Lookalike int `json:"lookalike"` // text that only begins like an envelope
	Failed    int `json:"failed"`
}

func (c *counts) tally(what rewrap.Status) {
	switch what {
	case rewrap.Outdated:
		c.Changed++
	case rewrap.Unrelated:
		c.Unrelated++
	case rewrap.Elsewhere:
		c.Elsewhere++
	default:
		c.Current++
	}
}

// text returns "3 envelopes: 2 changed, …".
func (c counts) text(noun, changed string) string {
	text := fmt.Sprintf("%s: %d %s, %d current, %d of other keys, %d failed", cli.Count(c.Seen, noun), c.Changed, changed, c.Current, c.Unrelated, c.Failed)
	if noun == "envelope" {
		text += fmt.Sprintf("; %d only look like one", c.Lookalike)
	}
	return text
}

// failed returns an error if c has failures.
func failed(c counts, noun string) error {
	if c.Failed == 0 {
		return nil
	}
	return fmt.Errorf("rewrap: %w: %s failed and were not changed", cli.ErrFindings, cli.Count(c.Failed, noun))
}
