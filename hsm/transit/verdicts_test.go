package transit

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openbao/openbao/api/v2"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard/guardtest"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// said is what the SDK makes of an answer of Vault's.
func said(status int, messages ...string) *api.ResponseError {
	return &api.ResponseError{StatusCode: status, Errors: append([]string{}, messages...)}
}

// TestVerdicts: every row of the tables is reached, and says what to do.
func TestVerdicts(t *testing.T) {
	c := &client{keyID: "transit/customers"}
	for operation, table := range map[string][]verdict{"decrypt": verdicts, opLogin: loginVerdicts} {
		for i, v := range table {
			failed := c.classify(operation, said(v.status, "1 error occurred:\n\t* "+v.phrase+"\n\n")).failed
			if got := verdictOn(operation, v.status, v.phrase); got != v {
				t.Errorf("%s, row %d (%d %q) is hidden by %d %q", operation, i, v.status, v.phrase, got.status, got.phrase)
			}
			if failed.Class != v.class || failed.Hint == "" || failed.Code != fmt.Sprintf("HTTP %d", v.status) || strings.HasSuffix(failed.Hint, ".") {
				t.Errorf("%s: %d %q: %+v", operation, v.status, v.phrase, failed)
			}
			if operation == opLogin && failed.Class != hsm.Unclear {
				t.Errorf("a login's answer %d %q is %v: it says nothing of the key", v.status, v.phrase, failed.Class)
			}
		}
	}
}

// TestDocumentedStatuses: every status of Vault's API documentation has a row,
// and only messages that name a refusal are denials.
func TestDocumentedStatuses(t *testing.T) {
	const expired = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
	for _, c := range []struct {
		status  int
		message string
		class   hsm.Class // of a login's answer unclear, unless it is an outage
	}{
		{400, "", hsm.Unclear},
		{400, "encryption key not found", hsm.Denied},
		{400, "key is soft deleted", hsm.Denied},
		{400, "cipher: message authentication failed", hsm.Corrupt},
		{400, "chacha20poly1305: message authentication failed", hsm.Corrupt},
		{400, "'[0].associated_data' provided for non-AEAD cipher suite rsa-2048", hsm.Unsupported},
		{400, "invalid role or secret ID", hsm.Unclear},
		{401, "", hsm.Unclear},
		{403, "1 error occurred:\n\t* permission denied\n\n", hsm.Denied},
		{403, expired, hsm.Unclear},
		{403, "", hsm.Unclear},
		{403, "a sentence that no version had", hsm.Unclear},
		{404, "", hsm.Unclear},
		{404, "no handler for route \"transit/encrypt/k\". route entry not found.", hsm.Unclear},
		{405, "1 error occurred:\n\t* unsupported operation\n\n", hsm.Unclear},
		{412, "required index state not present", hsm.Unavailable},
		{413, "http: request body too large", hsm.Unclear},
		{418, "", hsm.Unclear},
		{429, "request path \"transit/encrypt/k\": rate limit quota exceeded", hsm.Unavailable},
		{472, "", hsm.Unavailable},
		{473, "", hsm.Unavailable},
		{500, "1 error occurred:\n\t* internal error\n\n", hsm.Unavailable},
		{501, "Vault is not initialized", hsm.Unavailable},
		{502, "", hsm.Unavailable},
		{503, "Vault is sealed", hsm.Unavailable},
		{503, "API access to this namespace has been locked by an administrator - \"unlock\"", hsm.Denied},
		{599, "", hsm.Unavailable},
	} {
		client := &client{keyID: "transit/customers"}
		login := hsm.Unclear
		if c.class == hsm.Unavailable {
			login = c.class
		}
		for operation, want := range map[string]hsm.Class{"decrypt": c.class, opLogin: login} {
			if failed := client.classify(operation, said(c.status, c.message)).failed; failed.Class != want || failed.Hint == "" {
				t.Errorf("%s: %d %q: %v, want %v", operation, c.status, c.message, failed, want)
			}
		}
	}
}

// TestNotVaults: what an intermediary says is an outage, whatever its status.
func TestNotVaults(t *testing.T) {
	for _, status := range []int{204, 400, 401, 403, 404, 407, 500, 502, 503, 504} {
		for _, body := range []string{"", "<html>canary</html>", `{"message":"canary"}`, `{"errors":"canary"}`, `{"errors":null}`, `"canary"`} {
			p, _ := scripted(t, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
			})
			synctest.Test(t, func(t *testing.T) {
				_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
				if e := hsmtest.WantError(t, err, hsm.Unavailable, "not one of Vault's"); strings.Contains(e.Error(), "canary") {
					t.Errorf("%d %s: %v repeats the answer", status, body, e)
				}
			})
		}
	}
}

// TestKeyChanges: what becomes of a provider when its key changes under it.
func TestKeyChanges(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri("customers"))
	first := hsmtest.Wrap(t, p)
	r.Rotate("customers")
	second := hsmtest.Wrap(t, p)
	if first[4] != 1 || second[4] != 2 {
		t.Errorf("versions %d and %d", first[4], second[4])
	}
	for _, wrapped := range [][]byte{first, second} {
		if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
			t.Error(err)
		}
	}
	r.Change("customers", func(k *transitfake.Key) { k.MinDecryptionVersion = 2 })
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, first), hsm.Misconfigured, "too old", "min_decryption_version")
	if err := hsmtest.Unwrap(t, p, second); err != nil {
		t.Error(err)
	}
	r.Change("customers", func(k *transitfake.Key) { k.SoftDeleted = true })
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Denied, "soft")
	r.DeleteKey("customers")
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Denied, "deleted")
	r.Do(func() { r.Sealed = true })
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, second), hsm.Unavailable, "unseal")
}

// TestSilentErrors: a server that repeats what it was sent, in any answer,
// finds no way into an error.
func TestSilentErrors(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri("customers"))
	synctest.Test(t, func(t *testing.T) { silent(t, r, p) })
}

func silent(t *testing.T, r rig, p *Provider) {
	p.client.http.Transport = sender{guardtest.Direct{Handler: r.Server}}
	secret := make([]byte, hsm.DataKeySize)
	for i := range secret {
		secret[i] = 'K'
	}
	for _, status := range []int{200, 400, 401, 403, 404, 413, 418, 429, 500, 503} {
		for _, body := range []string{"", `{"errors":["permission denied: ` + transitfake.Root + ` S0tLS0tL"]}`} {
			fault := transitfake.Fault{Status: status, Body: body, Echo: body == ""}
			r.Fail(fault, fault, fault)
			_, err := p.WrapDataKey(t.Context(), hsm.NewSecret(secret), hsm.EncryptionContext{})
			if err == nil {
				t.Fatalf("status %d: no error", status)
			}
			for _, canary := range []string{"S0tLS0tL", "KKKK", transitfake.Root, "plaintext"} {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("status %d: %q holds %q", status, err, canary)
				}
			}
			r.Requests()
		}
	}
}
