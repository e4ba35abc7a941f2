package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// An alias is pointed elsewhere: what was sealed before opens while the former
// target is enabled, and keys verify, inspect, check and keys policy name that.
func TestFormerTarget(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	first, second := k.CreateKey(kmsfake.Key{}), k.CreateKey(kmsfake.Key{})
	alias := k.CreateAlias("alias/customers", first)
	plain := "awskms:///" + alias + "?endpoint=" + url.QueryEscape(k.URL())
	aware := plain + "&former=" + first
	run := func(kek, in string, args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command("sealmesh", append(args, "-c", cmdtest.OneKey(t, kek, ""))...)
		cmd.Env = append(append(os.Environ(), cmdtest.AWSEnv()...), "OTEL_TRACES_EXPORTER=console")
		cmd.Stdin = strings.NewReader(in)
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, &errOut)
		}
		return string(out), err
	}
	opens := func(kek, sealed string) error {
		t.Helper()
		out, err := run(kek, sealed, "apply", "--route", "r", "--direction", "response")
		if err == nil && !strings.Contains(out, canary) {
			err = fmt.Errorf("opened to %s", out)
		}
		return err
	}
	sealed, err := run(plain, `{"a":"`+canary+`"}`, "apply", "--route", "r", "--direction", "request")
	must(t, err)
	k.CreateAlias("alias/customers", second)
	if err := opens(plain, sealed); err == nil || !strings.Contains(err.Error(), "former=") {
		t.Errorf("without former=: %v, want a hint", err)
	}
	must(t, opens(aware, sealed))

	var body struct{ A string }
	must(t, json.Unmarshal([]byte(sealed), &body))
	for _, c := range []struct {
		in   string
		args []string
		want []string
	}{
		{body.A, []string{"inspect"}, []string{`"kek": "awskms:///` + first + `"`, `"former_target_of": "awskms:///` + alias}},
		{"", []string{"check"}, []string{"awskms:///" + first + ", a former target of awskms:///" + alias}},
		{"", []string{"keys", "verify"}, []string{"awskms:///" + first + " ", "former target "}},
		{"", []string{"keys", "policy", "--both", "arn:aws:iam::111122223333:role/app"}, []string{`"kek": "` + first + `"`}},
	} {
		out, err := run(aware, c.in, c.args...)
		must(t, err)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: want %q in %s", c.args, want, out)
			}
		}
	}

	k.SetState(first, kmsfake.Disabled)
	if err := opens(aware, sealed); err == nil || !strings.Contains(err.Error(), "key_denied") {
		t.Errorf("once the former target is disabled: %v", err)
	}
	out, err := run(aware, "", "keys", "verify")
	must(t, err)
	if !strings.Contains(out, "former target, denied") || !strings.Contains(out, "verified") {
		t.Errorf("keys verify: %s", out)
	}
}
