package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// A KEK that is not as required: no start, and a finding of keys verify, with
// the name of each difference and what to do.
func TestRequire(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	uri := "awskms:///" + k.CreateKey(kmsfake.Key{}) + "?endpoint=" + url.QueryEscape(k.URL())
	for _, c := range []struct {
		command     []string
		requirement string
		code        int
		want        string
	}{
		{[]string{"keys", "verify"}, "manager: customer, rotation: disabled", cli.ExitOK, "verified"},
		{[]string{"keys", "verify"}, "origin: AWS_CLOUDHSM", cli.ExitFindings, "key main: awskms Require: misconfigured"},
		{[]string{"keys", "verify"}, "origin: AWS_CLOUDHSM", cli.ExitFindings, "findings: 1 KEK not as the policy requires"},
		{[]string{"keys", "verify", "-o", "json"}, "multi_region: true", cli.ExitFindings, "multi_region: want true, is false"},
		{[]string{"serve"}, "origin: AWS_CLOUDHSM, multi_region: true", cli.ExitKey, "key main: awskms Require: misconfigured"},
		{[]string{"serve"}, "origin: AWS_CLOUDHSM, multi_region: true", cli.ExitKey, "origin: want AWS_CLOUDHSM, is AWS_KMS"},
	} {
		cmd := exec.Command("sealmesh", append(c.command, "-c", cmdtest.OneKey(t, uri, ", require: {"+c.requirement+"}"))...)
		cmd.Env = append(os.Environ(), cmdtest.AWSEnv()...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%v with %s: exit %d: %s", c.command, c.requirement, code, out)
		}
	}
}

// keys verify reports every KEK, and fails if one is unavailable although
// sealmesh would start with the others.
func TestVerifyTellsAll(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	disabled := k.CreateKey(kmsfake.Key{})
	k.SetState(disabled, kmsfake.Disabled)
	uri := "awskms:///" + disabled + "?endpoint=" + url.QueryEscape(k.URL())
	cmd := exec.Command("sealmesh", "keys", "verify", "-o", "json", "-c", cmdtest.TwoKEKs(t, uri, ", quorum: 1"))
	cmd.Env = append(os.Environ(), cmdtest.AWSEnv()...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run()
	var lines []struct{ Key, KEK, Result string }
	if err := json.Unmarshal(out.Bytes(), &lines); err != nil {
		t.Fatalf("%v: %s %s", err, &out, &errOut)
	}
	got := map[string]string{}
	for _, l := range lines {
		got[l.Key+" "+l.KEK] = l.Result
	}
	want := map[string]string{"main local:kek": "verified", "main " + uri: "denied", "other local:kek": "verified"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitKey || !strings.Contains(errOut.String(), "enable the key") {
		t.Errorf("exit %d: %s", code, &errOut)
	}
}
