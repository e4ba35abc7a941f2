package cli

import (
	"runtime/debug"
	"testing"
)

// The version tells which commit a binary was built from, and whether files had
// been changed since.
func TestCommit(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123abcd"}
	for want, settings := range map[string][]debug.BuildSetting{
		"commit unknown":         {{Key: "-trimpath", Value: "true"}},
		"commit 0123abcd":        {revision, {Key: "vcs.modified", Value: "false"}},
		"commit 0123abcd, dirty": {revision, {Key: "vcs.modified", Value: "true"}},
	} {
		if got := commit(settings); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
