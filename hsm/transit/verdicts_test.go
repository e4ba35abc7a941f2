package transit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/rest/resttest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// TestVerdicts: every entry of the table is reached, and says what to do.
func TestVerdicts(t *testing.T) {
	c := &client{keyID: "transit/customers"}
	for i, v := range verdicts {
		body, err := json.Marshal(map[string]any{"errors": []string{"1 error occurred:\n\t* " + v.phrase + "\n\n"}})
		if err != nil {
			t.Fatal(err)
		}
		failed := c.classify("decrypt", v.status, body)
		if got := verdictOn(v.status, v.phrase); got != v {
			t.Errorf("entry %d (%d %q) is hidden by %d %q", i, v.status, v.phrase, got.status, got.phrase)
		}
		if failed.Class != v.class || failed.Hint == "" || failed.Code != fmt.Sprintf("HTTP %d", v.status) || strings.HasSuffix(failed.Hint, ".") {
			t.Errorf("%d %q: %+v", v.status, v.phrase, failed)
		}
	}
}

// TestVerdictsElsewhere: statuses that no entry names, and answers that are not Vault's.
func TestVerdictsElsewhere(t *testing.T) {
	c := &client{keyID: "transit/customers"}
	tests := []struct {
		status int
		body   string
		class  hsm.Class
	}{
		{500, `{"errors":["1 error occurred:\n\t* internal error\n\n"]}`, hsm.Unavailable},
		{502, "<html>bad gateway</html>", hsm.Unavailable},
		{503, `{"errors":["Vault is sealed"]}`, hsm.Unavailable},
		{503, `{"errors":["API access to this namespace has been locked by an administrator - \"unlock\""]}`, hsm.Denied},
		{504, "", hsm.Unavailable},
		{418, `{"errors":[]}`, hsm.Misconfigured},
		{204, ``, hsm.Unavailable},
		{403, "<html>blocked by the proxy</html>", hsm.Unavailable},
		{407, "proxy authentication required", hsm.Unavailable},
		{404, "not found", hsm.Unavailable},
		{403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`, hsm.Denied},
		{400, `{"errors":["cipher: message authentication failed"]}`, hsm.Corrupt},
		{400, `{"errors":["chacha20poly1305: message authentication failed"]}`, hsm.Corrupt},
		{400, `{"errors":["'[0].associated_data' provided for non-AEAD cipher suite rsa-2048"]}`, hsm.Unsupported},
	}
	for _, tt := range tests {
		if failed := c.classify("decrypt", tt.status, []byte(tt.body)); failed.Class != tt.class || failed.Hint == "" {
			t.Errorf("%d %s: %v, want %v", tt.status, tt.body, failed, tt.class)
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

// TestSilentErrors: a server that repeats what it was sent, in any answer, finds
// no way into an error.
func TestSilentErrors(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri("customers"))
	synctest.Test(t, func(t *testing.T) { silent(t, r, p) })
}

func silent(t *testing.T, r rig, p *Provider) {
	p.client.http = &http.Client{Transport: resttest.Direct{Handler: r.Server}, CheckRedirect: p.client.http.CheckRedirect}
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

// direct calls a server without a network, so that the time of back-offs can be virtual.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), r.Body.Close()
}
