package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

func requiring(t *testing.T, uri, requirement string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	must(t, os.WriteFile(file, []byte(fmt.Sprintf(`version: 1
listen: unix://%s/s
admin: unix://%s/a
metrics: none
keys: {main: {kek: %q, require: {%s}}}
tags: {pii: {key: main}}
routes: [{name: r, match: {path: /r}, request: {seal: {$.a: pii}}}]
`, dir, dir, uri, requirement)), 0o600))
	return file
}

// A KEK that is not as required: no start, and a finding of keys verify, with the name of
// each difference and what to do.
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
		{[]string{"keys", "verify"}, "manager: customer, rotation: disabled", exitOK, "proven"},
		{[]string{"keys", "verify"}, "origin: AWS_CLOUDHSM", exitFindings, "key main: awskms Require: misconfigured"},
		{[]string{"keys", "verify"}, "origin: AWS_CLOUDHSM", exitFindings, "findings: 1 KEK not as the policy requires"},
		{[]string{"keys", "verify", "-o", "json"}, "multi_region: true", exitFindings, "multi_region: want true, is false"},
		{[]string{"serve"}, "origin: AWS_CLOUDHSM, multi_region: true", exitKey, "key main: awskms Require: misconfigured"},
		{[]string{"serve"}, "origin: AWS_CLOUDHSM, multi_region: true", exitKey, "origin: want AWS_CLOUDHSM, is AWS_KMS"},
	} {
		cmd := exec.Command("sealmesh", append(c.command, "-c", requiring(t, uri, c.requirement))...)
		cmd.Env = append(os.Environ(), awsEnv...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%v with %s: exit %d: %s", c.command, c.requirement, code, out)
		}
	}
}

// A KEK that is changed later is logged, counted and shown, and goes on serving; so is one
// that cannot be asked.
func TestRequireLater(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	setenv(t, awsEnv)
	arn := k.CreateKey(kmsfake.Key{})
	file := requiring(t, "awskms:///"+arn+"?endpoint="+url.QueryEscape(k.URL()), "rotation: disabled")
	var logs bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&logs, nil))
	r := newReloader(t, file, log)
	see := func(path, want string, is bool) {
		t.Helper()
		w := httptest.NewRecorder()
		(&admin{reload: r, recorder: r.recorder}).handler(t.Context()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if strings.Contains(w.Body.String(), want) != is {
			t.Errorf("%s: %q is %t: %s", path, want, !is, w.Body)
		}
	}

	r.checkRequirements(t.Context())
	see("/metrics", "sealmesh_keks_not_as_required 0\n", true)
	see("/keys", "not_as_required", false)

	client := kms.New(kms.Options{Region: "eu-west-1", BaseEndpoint: aws.String(k.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")})
	_, err = client.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn})
	must(t, err)
	r.checkRequirements(t.Context())
	see("/metrics", "sealmesh_keks_not_as_required 1\n", true)
	see("/keys", "rotation: want disabled, is enabled", true)
	if !strings.Contains(logs.String(), "a KEK is not what the policy requires") {
		t.Errorf("log: %s", &logs)
	}
	must(t, r.keys.cache.Verify(t.Context()))
}

// The hint at what the URI of a KEK looks like serves every back end of this binary.
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
