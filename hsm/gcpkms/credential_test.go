package gcpkms

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// federated is a file for Workload Identity Federation.
func (r rig) federated(t *testing.T, source string, more string) string {
	return written(t, fmt.Sprintf(`{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
		"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":%q,"credential_source":%s%s}`, r.URL()+"/sts", source, more))
}

// everybody makes an account that may do all, which the machine and federated
// identities are, and returns its credentials.
func (r rig) everybody() []byte {
	file := r.CreateAccount(gcpfake.Get, gcpfake.Encrypt, gcpfake.Decrypt)
	r.SetFallback(file)
	return file
}

// TestCredentials: each way to get tokens, over the wire.
func TestCredentials(t *testing.T) {
	fromFile := func(t *testing.T) string { return `{"file":"` + written(t, gcpfake.SubjectToken) + `"}` }
	for name, credentials := range map[string]func(t *testing.T, r rig) string{
		"service account": func(t *testing.T, r rig) string { return written(t, string(r.everybody())) },
		"metadata server": func(t *testing.T, r rig) string {
			t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(r.URL(), "http://"))
			return ""
		},
		"federated by file": func(t *testing.T, r rig) string { return r.federated(t, fromFile(t), "") },
		"federated by URL": func(t *testing.T, r rig) string {
			return r.federated(t, `{"url":"`+r.URL()+`/subject","headers":{"`+gcpfake.SubjectHeader+`":"x"}}`, "")
		},
		"federated and impersonated": func(t *testing.T, r rig) string {
			return r.federated(t, fromFile(t), `,"service_account_impersonation_url":"`+r.URL()+"/impersonate/"+email(t, r.everybody())+`:generateAccessToken"`)
		},
		"impersonated": func(t *testing.T, r rig) string {
			own := r.everybody()
			return written(t, fmt.Sprintf(`{"type":"impersonated_service_account","service_account_impersonation_url":%q,"source_credentials":%s}`, r.URL()+"/impersonate/"+email(t, own)+":generateAccessToken", own))
		},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			r := startFake(t)
			r.everybody()
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", credentials(t, r))
			t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "payer")
			p := mustOpen(t, "gcpkms:///"+r.key+"?endpoint="+r.URL())
			if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
				t.Error(err)
			}
			log := r.Requests()
			if last := log[len(log)-1]; last.QuotaProject != "payer" || !strings.HasPrefix(last.Token, "ya29.") {
				t.Errorf("asked with %+v", last)
			}
		})
	}
}

func email(t *testing.T, file []byte) string {
	t.Helper()
	var about struct {
		Email string `json:"client_email"`
	}
	if err := json.Unmarshal(file, &about); err != nil {
		t.Fatal(err)
	}
	return about.Email
}

// TestExecutable: no program is run for a token but where the URI allows it,
// however deep its name stands, and whatever the SDK's own switch says.
func TestExecutable(t *testing.T) {
	isolate(t)
	r := startFake(t)
	r.everybody()
	t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
	ran := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n: > "+ran+`
echo '{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":"`+gcpfake.SubjectToken+`"}'`), 0o700); err != nil {
		t.Fatal(err)
	}
	file := r.federated(t, `{"executable":{"command":"`+program+`"}}`, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	nested := written(t, `{"type":"impersonated_service_account","service_account_impersonation_url":"`+r.URL()+`/impersonate/x","source_credentials":`+string(text)+`}`)
	twice := written(t, strings.Replace(string(text), `"credential_source":`, `"credential_source":{"file":"/x"},"CREDENTIAL_SOURCE":`, 1))
	for _, file := range []string{file, nested, twice} {
		_, err := Open(t.Context(), r.uri(r.key, file))
		hsmtest.WantError(t, err, hsm.Misconfigured, "executable-credentials=allow")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Fatal("a file had a program run")
	}
	p := mustOpen(t, r.uri(r.key, file)+"&executable-credentials=allow")
	if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
		t.Error(err)
	}
}

// TestCredentialsRefused: at the start a refused identity and a missing one are
// the operator's; later they are unclear, and deny no KEK.
func TestCredentialsRefused(t *testing.T) {
	isolate(t)
	r := startFake(t)
	uri := "gcpkms:///" + r.key + "?endpoint=" + r.URL()
	_, err := Open(t.Context(), uri)
	hsmtest.WantError(t, err, hsm.Misconfigured, "GOOGLE_APPLICATION_CREDENTIALS")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", r.all)
	p := mustOpen(t, uri)
	wrapped := hsmtest.Wrap(t, p)
	r.DisableAccounts()
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unclear, "UNAUTHENTICATED")
	_, err = Open(t.Context(), uri)
	if e := hsmtest.WantError(t, err, hsm.Misconfigured, "invalid_grant", "deleted or disabled"); strings.Contains(e.Error(), "Signature") {
		t.Errorf("%q shows the answer", e)
	}
	for name, text := range map[string]string{"no JSON": "canary", "another type": `{"type":"canary"}`, "no key": `{"type":"service_account","private_key":"canary"}`} {
		if p, err := Open(t.Context(), r.uri(r.key, written(t, text))); err == nil || strings.Contains(err.Error(), "canary") || hsm.ClassOf(err) != hsm.Misconfigured {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// TestEnvironment: what would divert tokens or run a program is refused by
// name.
func TestEnvironment(t *testing.T) {
	for _, tt := range []struct{ name, value string }{
		{"GOOGLE_API_USE_CLIENT_CERTIFICATE", "true"},
		{"EXPERIMENTAL_GOOGLE_API_USE_S2A", "True"},
		{"GCE_METADATA_HOST", "evil.example"},
		{"GCE_METADATA_HOST", "203.0.113.9:80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			isolate(t)
			r := startFake(t)
			t.Setenv(tt.name, tt.value)
			_, err := Open(t.Context(), r.uri(r.key, r.all))
			hsmtest.WantError(t, err, hsm.Misconfigured, tt.name)
			if log := r.Requests(); len(log) != 0 {
				t.Errorf("%d requests went out", len(log))
			}
		})
	}
	isolate(t)
	t.Setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "evil.example")
	_, err := Open(t.Context(), "gcpkms:///"+testKey)
	hsmtest.WantError(t, err, hsm.Misconfigured, "GOOGLE_CLOUD_UNIVERSE_DOMAIN")
	r := startFake(t)
	mustOpen(t, r.uri(r.key, r.all)) // endpoint= says where
	// Plain HTTP to a token server elsewhere would carry the assertion in clear.
	plain := written(t, strings.Replace(string(r.CreateAccount(gcpfake.Get)), r.URL()+"/token", "http://evil.example/token", 1))
	_, err = Open(t.Context(), r.uri(r.key, plain))
	hsmtest.WantError(t, err, hsm.Unavailable, "plain HTTP")
}

// TestLoggingSwitch: the SDK's own switch shows no data key and no token.
func TestLoggingSwitch(t *testing.T) {
	isolate(t)
	r := startFake(t)
	t.Setenv("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = log
	p, err := Open(t.Context(), r.uri(r.key, r.all))
	if err == nil {
		_, _, err = p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	}
	os.Stderr = stderr
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(log.Name()); err != nil || len(text) != 0 {
		t.Errorf("logged %.300s, %v", text, err)
	}
}

// TestTokenVerdicts: the faults of whoever gives tokens, over the wire, none of
// which denies the KEK or shows what was answered.
func TestTokenVerdicts(t *testing.T) {
	faults := map[string]struct {
		fault gcpfake.Fault
		class hsm.Class
		tries int
	}{
		"refused":          {gcpfake.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"canary"}`}, hsm.Unclear, 1},
		"new code":         {gcpfake.Fault{Status: 400, Body: `{"error":"canary"}`}, hsm.Unclear, 1},
		"not impersonated": {gcpfake.Fault{Status: 403, Body: string(rpcError(t, 403, "PERMISSION_DENIED", "canary", ""))}, hsm.Unclear, 1},
		"out":              {gcpfake.Fault{Status: 503, Body: `{"error":"temporarily_unavailable"}`}, hsm.Unavailable, 3},
		"out and refusing": {gcpfake.Fault{Status: 500, Body: `{"error":"invalid_grant"}`}, hsm.Unavailable, 3},
		"throttled":        {gcpfake.Fault{Status: 429}, hsm.Unavailable, 3},
		"a proxy":          {gcpfake.Fault{Status: 403, Body: "<html>canary</html>"}, hsm.Unavailable, 3},
		"not a token":      {gcpfake.Fault{Status: 200, Body: "canary"}, hsm.Unavailable, 3},
	}
	for _, source := range []string{"service account", "federated", "metadata server"} {
		isolate(t)
		r := startFake(t)
		r.everybody()
		uri := "gcpkms:///" + r.key + "?endpoint=" + url.QueryEscape(r.URL())
		switch source {
		case "service account":
			uri = r.uri(r.key, r.all)
		case "federated":
			uri = r.uri(r.key, r.federated(t, `{"file":"`+written(t, gcpfake.SubjectToken)+`"}`, ""))
		default:
			t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(r.URL(), "http://"))
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
		}
		s, err := parseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		for name, tt := range faults {
			t.Run(name+", "+source, func(t *testing.T) {
				c, err := newClient(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				r.Requests()
				for range 9 {
					r.FailLogin(tt.fault)
				}
				seen := 0
				ctx := hsm.WithObserver(t.Context(), func(call hsm.Call) {
					if call.Operation == "GetToken" {
						seen++
					}
				})
				_, err = (&Provider{client: c}).UnwrapDataKey(ctx, make([]byte, 100), hsm.EncryptionContext{})
				if e := hsmtest.WantError(t, err, tt.class, "GetToken"); strings.Contains(e.Error(), "canary") {
					t.Errorf("%q shows the answer", e)
				}
				if n := len(r.Requests()); n != tt.tries || seen != tt.tries {
					t.Errorf("%d requests for a token, %d observed, want %d", n, seen, tt.tries)
				}
			})
		}
	}
}
