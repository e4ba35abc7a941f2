package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Each kind of error has its exit code, also when it is wrapped or joined, and
// a text that says what to do.
func TestExit(t *testing.T) {
	c := &cobra.Command{Use: "sealmesh"}
	denied := &hsm.Error{Class: hsm.Denied, Provider: "awskms", Operation: "Decrypt", Err: errors.New("disabled")}
	for name, c := range map[string]struct {
		err  error
		code int
		text string
	}{
		"none":        {nil, ExitOK, ""},
		"usage":       {UsageError(c, errors.New("no such flag")), ExitUsage, "sealmesh: no such flag\nRun 'sealmesh --help' for usage.\n"},
		"policy":      {policy.Problems{}, ExitPolicy, policy.Problems{}.Error() + "\n"},
		"key":         {errors.Join(fmt.Errorf("key k: %w", denied), errors.New("closing")), ExitKey, "sealmesh: key k: " + denied.Error() + "\nclosing\n"},
		"findings":    {fmt.Errorf("%w: 2 warnings", ErrFindings), ExitFindings, "sealmesh: findings: 2 warnings\n"},
		"interrupted": {fmt.Errorf("apply: %w", context.Canceled), ExitFailure, "sealmesh: interrupted\n"},
		"other":       {errors.New("disk full"), ExitFailure, "sealmesh: disk full\n"},
	} {
		var w bytes.Buffer
		if code := Exit(&w, c.err); code != c.code || w.String() != c.text {
			t.Errorf("%s: exit code %d, %q; want %d, %q", name, code, w.String(), c.code, c.text)
		}
	}
}
