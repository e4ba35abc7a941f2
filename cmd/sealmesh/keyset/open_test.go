package keyset

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A start does without a KEK that is unavailable or unclear, while others are
// enough. It never does without a KEK that denies.
func TestCheckUsable(t *testing.T) {
	kek := hsm.KEK{URI: "local:a", Kind: "local", Identity: "a"}
	for _, c := range []struct {
		class  hsm.Class
		quorum int
		want   bool
	}{
		{hsm.Unavailable, 1, true},
		{hsm.Unclear, 1, true},
		{hsm.Unavailable, 2, false},
		{hsm.Unclear, 2, false},
		{hsm.Denied, 1, false},
		{hsm.Misconfigured, 1, false},
		{hsm.Unsupported, 1, false},
		{hsm.Corrupt, 1, false},
	} {
		unavailable := hsm.UnavailableKEK{URI: "local:b", Err: &hsm.Error{Class: c.class, Err: errors.New("why")}}
		err := checkUsable(&hsm.Key{Name: "k", KEKs: []hsm.KEK{kek}, Unavailable: []hsm.UnavailableKEK{unavailable}, Quorum: c.quorum})
		if (err == nil) != c.want {
			t.Errorf("one of two KEKs %v, quorum %d: %v, want a start: %v", c.class, c.quorum, err, c.want)
		}
	}
}

// What only an operator can fix is a start-up error whatever the quorum; so is
// an outage that leaves no quorum.
func TestNoStart(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	t.Cleanup(func() { _ = k.Close() })
	arn := k.CreateKey(kmsfake.Key{})
	disabled := k.CreateKey(kmsfake.Key{})
	k.SetState(disabled, kmsfake.Disabled)
	endpoint := "?endpoint=" + url.QueryEscape(k.URL())
	gone := "?endpoint=" + url.QueryEscape("http://127.0.0.1:1")
	for name, c := range map[string]struct {
		uri, more string
		want      string // "" for a start
	}{
		"unavailable":               {"awskms:///" + arn + gone, ", quorum: 1", ""},
		"unavailable, opens only":   {"awskms:///" + arn + gone, ", quorum: 2, use: open", ""},
		"unavailable, quorum 2":     {"awskms:///" + arn + gone, ", quorum: 2", "unavailable"},
		"disabled":                  {"awskms:///" + disabled + endpoint, ", quorum: 1", "denied"},
		"not there":                 {"awskms:///" + strings.Replace(arn, ":key/", ":key/0", 1) + endpoint, ", quorum: 1", "denied"},
		"not as required":           {"awskms:///" + arn + endpoint, ", quorum: 1, require: {origin: FILE}", "origin: want FILE, is AWS_KMS"},
		"unavailable, and required": {"awskms:///" + arn + gone, ", quorum: 1, require: {origin: FILE}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmdtest.SetAWSEnv(t)
			file := cmdtest.TwoKEKs(t, c.uri, c.more)
			text, err := os.ReadFile(file)
			must(t, err)
			p, err := policy.Load(file, text, os.LookupEnv, os.ReadFile)
			must(t, err)
			opened, err := Open(t.Context(), p.Keys, builtin.Options{Dir: filepath.Dir(file)})
			if c.want == "" {
				must(t, err)
				if len(opened[0].KEKs) != 1 || len(opened[0].Unavailable) != 1 {
					t.Errorf("%d KEKs, %d unavailable", len(opened[0].KEKs), len(opened[0].Unavailable))
				}
				must(t, Close(opened))
				return
			}
			_, ok := errors.AsType[*hsm.Error](err)
			if !ok || !strings.Contains(err.Error(), "key main: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

// The hint at what the URI of a KEK looks like serves every back end of this
// binary.
func TestKEKHint(t *testing.T) {
	_, err := policy.Load("p", []byte("version: 1\nkeys: {k: {kek: nonsense}}\n"), os.LookupEnv, os.ReadFile)
	if err == nil {
		t.Fatal("nonsense is a KEK")
	}
	for _, kind := range builtin.Kinds() {
		if !strings.Contains(err.Error(), " "+kind+":") {
			t.Errorf("no word of %s: %v", kind, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
