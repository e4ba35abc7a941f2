package proxy

import (
	"strings"
	"testing"
	"testing/quick"
)

// Only what was weakened is restored; all else stays byte by byte.
func TestTags(t *testing.T) {
	for etag, want := range map[string]string{
		`"abc"`:       `W/"abc~sm"`,
		`""`:          `W/"~sm"`,
		`"abc~sm"`:    `W/"abc~sm~sm"`,
		`W/"abc"`:     `W/"abc"`,
		`W/"abc~sm"`:  `W/"abc~sm~smw"`,
		`W/"abc~smw"`: `W/"abc~smw~smw"`,
		`abc`:         `abc`,
		``:            ``,
	} {
		got := weaken(etag)
		if got != want {
			t.Errorf("%s leaves as %s, not %s", etag, got, want)
		}
		if back := restore(got); back != etag {
			t.Errorf("%s comes back as %s, not %s", got, back, etag)
		}
	}
	for list, want := range map[string]string{
		`W/"3"`:                         `W/"3"`,
		`*`:                             `*`,
		`"a", W/"b~sm" ,W/"c","W/d~sm"`: `"a", "b" ,W/"c","W/d~sm"`,
		`"x~sm"`:                        `"x~sm"`,
		`W/"a,~sm", "b`:                 `W/"a,~sm", "b`,
	} {
		if got := restore(list); got != want {
			t.Errorf("%s arrives as %s, not %s", list, got, want)
		}
	}
}

// Any tag that an upstream may give comes back as it was, alone and in a list.
func TestTagsRoundTrip(t *testing.T) {
	err := quick.Check(func(opaque string, weak bool, marks uint8) bool {
		etag := `"` + strings.ReplaceAll(opaque, `"`, "") + strings.Repeat("~sm", int(marks%3)) + `"`
		if weak {
			etag = "W/" + etag
		}
		return restore(weaken(etag)) == etag && restore(`W/"x~sm", `+weaken(etag)) == `"x", `+etag
	}, nil)
	if err != nil {
		t.Error(err)
	}
}
