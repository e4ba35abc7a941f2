package gcpkms

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/genproto/googleapis/api/error_reason"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/gcpkms/gcpfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func rpcError(t *testing.T, code int, status, message, reason string) []byte {
	t.Helper()
	e := map[string]any{"code": code, "status": status, "message": message}
	if reason != "" {
		e["details"] = []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}}
	}
	text, err := json.Marshal(map[string]any{"error": e})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rows is what every row of the tables says, in words of its own.
var rows = map[hsm.Class][]string{
	hsm.Denied:        {"PERMISSION_DENIED", "NOT_FOUND"},
	hsm.Unclear:       {"UNAUTHENTICATED", "FAILED_PRECONDITION", "OUT_OF_RANGE", "ALREADY_EXISTS"},
	hsm.Unavailable:   {"RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "UNKNOWN", "DATA_LOSS"},
	hsm.Misconfigured: {"INVALID_ARGUMENT"},
	hsm.Unsupported:   {"UNIMPLEMENTED"},
}

// reasonRows leaves out those that are unclear: that is every other one.
var reasonRows = map[string]hsm.Class{
	"IAM_PERMISSION_DENIED": hsm.Denied, "USER_BLOCKED_BY_ADMIN": hsm.Denied, "ACCESS_TOKEN_SCOPE_INSUFFICIENT": hsm.Denied, "SERVICE_DISABLED": hsm.Denied,
	"RATE_LIMIT_EXCEEDED": hsm.Unavailable, "RESOURCE_QUOTA_EXCEEDED": hsm.Unavailable, "EMULATOR_QUOTA_EXCEEDED": hsm.Unavailable,
}

var stateRows = map[string]hsm.Class{
	"DISABLED": hsm.Denied, "DESTROY_SCHEDULED": hsm.Denied, "DESTROYED": hsm.Denied, "PENDING_IMPORT": hsm.Denied, "PENDING_EXTERNAL_DESTRUCTION": hsm.Denied,
	"EXTERNAL_DESTRUCTION_FAILED": hsm.Denied, "PENDING_GENERATION": hsm.Unavailable, "GENERATION_FAILED": hsm.Misconfigured, "IMPORT_FAILED": hsm.Misconfigured,
}

// TestVerdicts: every status that google.rpc defines; and whatever the status,
// a failing server has denied nothing.
func TestVerdicts(t *testing.T) {
	c := &client{key: "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
	seen := 0
	for class, statuses := range rows {
		for _, status := range statuses {
			seen++
			if _, ok := code.Code_value[status]; !ok {
				t.Errorf("%s is no status", status)
			}
			failed := c.classify("Encrypt", 400, rpcError(t, 400, status, "canary", ""))
			if failed.Class != class || failed.Hint == "" || failed.Code != status || strings.HasSuffix(failed.Hint, ".") || strings.Contains(failed.Error(), "canary") {
				t.Errorf("%s: %+v", status, failed)
			}
			for _, http := range []int{429, 500, 503} {
				if failed := c.classify("Decrypt", http, rpcError(t, http, status, "", "IAM_PERMISSION_DENIED")); failed.Class != hsm.Unavailable {
					t.Errorf("%s with %d: %v", status, http, failed)
				}
			}
		}
	}
	if seen != len(verdicts) || seen != len(code.Code_value)-1 {
		t.Errorf("%d rows are tested, the table has %d, google.rpc.Code %d besides OK", seen, len(verdicts), len(code.Code_value)-1)
	}
}

// TestReasons: every reason that google.api defines.
func TestReasons(t *testing.T) {
	c := &client{key: "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
	for reason := range error_reason.ErrorReason_value {
		if reason == "ERROR_REASON_UNSPECIFIED" {
			continue
		}
		want, ok := reasonRows[reason]
		if !ok {
			want = hsm.Unclear
		}
		failed := c.classify("Encrypt", 403, rpcError(t, 403, "PERMISSION_DENIED", "", reason))
		if failed.Class != want || failed.Hint == "" || !strings.Contains(failed.Error(), reason) {
			t.Errorf("%s: %v, want %v", reason, failed, want)
		}
	}
	if len(reasons) != len(error_reason.ErrorReason_value)-1 {
		t.Errorf("the table has %d reasons, google.api %d", len(reasons), len(error_reason.ErrorReason_value)-1)
	}
}

// TestStates: every state of a version but ENABLED.
func TestStates(t *testing.T) {
	c := &client{key: "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
	for state, want := range stateRows {
		message := c.key + "/cryptoKeyVersions/7 is not enabled, current state is: " + state + "."
		failed := c.classify("Decrypt", 400, rpcError(t, 400, "FAILED_PRECONDITION", message, ""))
		if failed.Class != want || failed.Hint == "" || !strings.Contains(failed.Error(), "version 7 is "+state) {
			t.Errorf("%s: %v", state, failed)
		}
	}
	if len(stateRows) != len(states) {
		t.Errorf("%d states are tested, the table has %d", len(stateRows), len(states))
	}
}

// TestVerdictsElsewhere: what is in no table, and who typed it.
func TestVerdictsElsewhere(t *testing.T) {
	c := &client{key: "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
	tests := []struct {
		operation string
		status    int
		body      string
		class     hsm.Class
	}{
		{"Decrypt", 400, string(rpcError(t, 400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.", "")), hsm.Corrupt},
		{"Encrypt", 400, string(rpcError(t, 400, "INVALID_ARGUMENT", "too long", "")), hsm.Misconfigured},
		{"Decrypt", 400, string(rpcError(t, 400, "INVALID_ARGUMENT", "The checksum in field ciphertext_crc32c did not match the data in field ciphertext.", "")), hsm.Unavailable},
		{"Encrypt", 400, string(rpcError(t, 400, "FAILED_PRECONDITION", "x does not have a primary version.", "")), hsm.Unclear},
		{"Decrypt", 400, string(rpcError(t, 400, "FAILED_PRECONDITION", "the external key manager said no", "")), hsm.Unclear},
		{"Decrypt", 403, string(rpcError(t, 403, "PERMISSION_DENIED", "", "A_NEW_REASON")), hsm.Unclear},
		{"Decrypt", 403, `{"error":{"code":403,"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.Help"}]}}`, hsm.Denied},
		{"Decrypt", 418, `{"error":{"status":"TEAPOT"}}`, hsm.Unclear},
		{"Decrypt", 503, `{"error":{"status":"TEAPOT"}}`, hsm.Unavailable},
		{"Decrypt", 401, "", hsm.Unavailable},
		{"Decrypt", 403, "", hsm.Unavailable},
		{"Decrypt", 403, "{}", hsm.Unavailable},
		{"Decrypt", 403, `{"error":{"code":403}}`, hsm.Unavailable},
		{"Decrypt", 403, "<html>blocked by the proxy</html>", hsm.Unavailable},
		{"Decrypt", 404, "<html>no such page</html>", hsm.Unavailable},
		{"Decrypt", 407, "", hsm.Unavailable},
		{"Decrypt", 302, "", hsm.Unavailable},
		{"Decrypt", 502, "<html>bad gateway</html>", hsm.Unavailable},
	}
	for _, tt := range tests {
		if failed := c.classify(tt.operation, tt.status, []byte(tt.body)); failed.Class != tt.class {
			t.Errorf("%s %d %s: %v, want %v", tt.operation, tt.status, tt.body, failed, tt.class)
		}
	}
}

// TestDamage: an answer whose checksums, flags or names are not right is asked
// for again, and no key comes of it.
func TestDamage(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri(r.key, r.all))
	synctest.Test(t, func(t *testing.T) { damage(t, r, inProcess(r, p)) })
}

func damage(t *testing.T, r rig, p *Provider) {
	wrapped := hsmtest.Wrap(t, p)
	set := func(field string, value any) func(map[string]any) {
		return func(out map[string]any) { out[field] = value }
	}
	tests := []struct {
		name   string
		tamper func(map[string]any)
		text   string
	}{
		{"wrapped key", set("ciphertext", "AAAA"), "checksum"},
		{"its checksum", set("ciphertextCrc32c", "1"), "checksum"},
		{"no checksum", func(out map[string]any) { delete(out, "ciphertextCrc32c") }, "checksum"},
		{"plaintext not verified", func(out map[string]any) { delete(out, "verifiedPlaintextCrc32c") }, "arrived whole"},
		{"context not verified", set("verifiedAdditionalAuthenticatedDataCrc32c", false), "arrived whole"},
		{"another key", set("name", r.key+"2/cryptoKeyVersions/1"), "another key"},
		{"no version", set("name", r.key+"/cryptoKeyVersions/"), "another key"},
		{"not base64", set("ciphertext", "*canary"), "checksum"},
		{"not JSON of its form", set("ciphertext", []string{"canary"}), "not one of Cloud KMS's"},
	}
	for _, tt := range tests {
		f := gcpfake.Fault{Tamper: tt.tamper}
		r.Requests()
		r.Fail(f, f, f)
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		hsmtest.WantError(t, err, hsm.Unavailable, tt.text)
		if n := len(r.Requests()); n != 3 {
			t.Errorf("%s: %d tries, want 3", tt.name, n)
		}
		r.Fail(f, f)
		if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
			t.Errorf("%s, twice: %v", tt.name, err)
		}
	}
	for _, tamper := range []func(map[string]any){set("plaintext", "AAAA"), set("plaintextCrc32c", "1"), func(out map[string]any) { delete(out, "plaintext") }} {
		f := gcpfake.Fault{Tamper: tamper}
		r.Fail(f, f, f)
		hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "checksum")
	}
	// What was encrypted by somebody else is no data key, however whole it is.
	r.Fail(gcpfake.Fault{Tamper: func(out map[string]any) {
		out["plaintext"], out["plaintextCrc32c"] = "AAAA", strconv.FormatInt(checksum(make([]byte, 3)), 10)
	}})
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Corrupt, "no data key")
}

// TestSilentErrors: a server that repeats what it was sent, in any answer,
// finds no way into an error.
func TestSilentErrors(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri(r.key, r.all))
	synctest.Test(t, func(t *testing.T) { noLeak(t, r, inProcess(r, p)) })
}

func noLeak(t *testing.T, r rig, p *Provider) {
	secret := []byte(strings.Repeat("K", hsm.DataKeySize))
	for _, status := range []int{200, 302, 400, 401, 403, 404, 429, 500, 503} {
		for _, body := range []string{"", string(rpcError(t, status, "PERMISSION_DENIED", "S0tLS0tL ya29.", "S0tLS0tL")), string(rpcError(t, status, "FAILED_PRECONDITION", "S0tLS0tL/cryptoKeyVersions/1 is not enabled, current state is: S0tLS0tL", ""))} {
			f := gcpfake.Fault{Status: status, Body: body, Echo: body == ""}
			r.Fail(f, f, f)
			_, err := p.WrapDataKey(t.Context(), hsm.NewSecret(secret), hsm.EncryptionContext{})
			if err == nil {
				t.Fatalf("status %d: no error", status)
			}
			for _, canary := range []string{"S0tLS0tL", "KKKK", "ya29", "plaintext"} {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("status %d: %q holds %q", status, err, canary)
				}
			}
			r.Requests()
		}
	}
}
