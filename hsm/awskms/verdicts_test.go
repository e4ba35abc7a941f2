package awskms

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// wantClasses says in groups what the table says by code; a code that is in no
// group is a matter of configuration.
func wantClasses() map[string]hsm.Class {
	want := map[string]hsm.Class{}
	for class, codes := range map[hsm.Class]string{
		hsm.Denied: "AccessDeniedException AccessDenied NotAuthorized OptInRequired DisabledException UnrecognizedClientException InvalidClientTokenId " +
			"IDPRejectedClaim InvalidIdentityToken RegionDisabledException",
		hsm.Unavailable: "KMSInternalException InternalFailure InternalServerError ServiceUnavailable ServiceUnavailableException " +
			"DependencyTimeoutException KeyUnavailableException RequestTimeout RequestTimeoutException ThrottlingException Throttling " +
			"TooManyRequestsException LimitExceededException ExpiredTokenException ExpiredToken ConflictException " +
			"CustomKeyStoreInvalidStateException CloudHsmClusterNotActiveException XksProxyUriUnreachableException XksProxyInvalidResponseException IDPCommunicationError",
		hsm.Corrupt:     "InvalidCiphertextException IncorrectKeyException",
		hsm.Unsupported: "UnsupportedOperationException DryRunOperationException",
	} {
		for code := range strings.FieldsSeq(codes) {
			want[code] = class
		}
	}
	return want
}

// TestVerdicts sends every code in the table through the real SDK.
func TestVerdicts(t *testing.T) {
	isolate(t)
	want := wantClasses()
	for code := range verdicts {
		if code == "KMSInvalidStateException" { // see TestKeyStates
			continue
		}
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := kmsfake.New()
				p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
				s.Inject(kmsfake.Fault{Code: code, Message: "as told"})
				_, err := p.UnwrapDataKey(t.Context(), make([]byte, 184), hsm.EncryptionContext{})
				failed, ok := errors.AsType[*hsm.Error](err)
				if !ok {
					t.Fatalf("got %v", err)
				}
				class := want[code]
				if class == 0 {
					class = hsm.Misconfigured
				}
				calls := s.Calls()
				if failed.Class != class || failed.Code != code || failed.Hint == "" || failed.Operation != "Decrypt" {
					t.Errorf("got %+v, want class %v", failed, class)
				}
				if last := calls[len(calls)-1]; failed.RequestID == "" || failed.RequestID != last.RequestID {
					t.Errorf("request id %q, the last call's was %q", failed.RequestID, last.RequestID)
				}
				if class != hsm.Unavailable && len(calls) != 1 {
					t.Errorf("%d tries of what no second try mends", len(calls))
				}
			})
		})
	}
}

// TestVerdictsComplete: a code that a later SDK adds has to be judged.
func TestVerdictsComplete(t *testing.T) {
	codes := 0
	for name := range kms.TypeRegistry.Entries {
		_, code, _ := strings.Cut(name, "#")
		if !strings.HasSuffix(code, "Exception") {
			continue
		}
		codes++
		if _, ok := verdicts[code]; !ok {
			t.Errorf("%s is not in the table", code)
		}
	}
	if codes < 48 {
		t.Errorf("only %d exceptions in the SDK's registry: has it moved?", codes)
	}
}

// TestUnknownCode goes by the HTTP status.
func TestUnknownCode(t *testing.T) {
	isolate(t)
	for status, want := range map[int]hsm.Class{
		http.StatusUnauthorized: hsm.Denied, http.StatusForbidden: hsm.Denied, http.StatusBadRequest: hsm.Misconfigured,
		http.StatusTooManyRequests: hsm.Unavailable, http.StatusInternalServerError: hsm.Unavailable, http.StatusServiceUnavailable: hsm.Unavailable,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := kmsfake.New()
			p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
			s.Inject(kmsfake.Fault{Code: "NovelException", Status: status})
			_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
			if err == nil || hsm.ClassOf(err) != want {
				t.Errorf("status %d: %v, want class %v", status, err, want)
			}
		})
	}
}

// TestUnreadableAnswer: what stands between may answer in KMS's place, and what
// it says is not repeated.
func TestUnreadableAnswer(t *testing.T) {
	isolate(t)
	for name, fault := range map[string]kmsfake.Fault{
		"a page from a proxy":   {Status: http.StatusOK, Body: "<html>sign in, canary</html>"},
		"half an answer":        {Status: http.StatusOK, Body: `{"Plaintext":"Y2FuYXJ5`},
		"base64 that is not":    {Status: http.StatusOK, Body: `{"KeyId":"x","Plaintext":"canary!"}`},
		"an error from a proxy": {Status: http.StatusBadGateway, Body: "<html>canary</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := kmsfake.New()
				p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
				s.Inject(fault)
				_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
				if err == nil || hsm.ClassOf(err) != hsm.Unavailable {
					t.Fatalf("got %v, want unavailable", err)
				}
				if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
					t.Error("the error carries the SDK's snapshot of the answer")
				}
				if strings.Contains(err.Error(), "anary") || strings.Contains(err.Error(), "Y2Fu") {
					t.Errorf("the error repeats the answer: %v", err)
				}
			})
		})
	}
}

// TestWrongAnswer: a well-formed answer about another key, or with a plaintext
// that is no data key, is not taken.
func TestWrongAnswer(t *testing.T) {
	isolate(t)
	s := kmsfake.New()
	arn := s.CreateKey(kmsfake.Key{})
	p := openDirect(t, s, arn, "")
	for name, body := range map[string]string{
		"another key": `{"KeyId":"` + s.CreateKey(kmsfake.Key{}) + `","Plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","CiphertextBlob":"AA=="}`,
		"no key id":   `{"Plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","CiphertextBlob":"AA=="}`,
		"no wrap":     `{"KeyId":"` + arn + `","Plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}`,
		"16 bytes":    `{"KeyId":"` + arn + `","Plaintext":"AAECAwQFBgcICQoLDA0ODw==","CiphertextBlob":"AA=="}`,
		"nothing":     `{}`,
	} {
		remove := s.Inject(kmsfake.Fault{Status: http.StatusOK, Body: body})
		if key, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); key != nil || err == nil || hsm.ClassOf(err) != hsm.Corrupt {
			t.Errorf("%s: GenerateDataKey gave %v", name, err)
		}
		if wrapped, err := p.WrapDataKey(t.Context(), hsm.NewSecret(make([]byte, hsm.DataKeySize)), hsm.EncryptionContext{}); name != "16 bytes" && (len(wrapped) > 0 || err == nil || hsm.ClassOf(err) != hsm.Corrupt) {
			t.Errorf("%s: WrapDataKey gave %v", name, err)
		}
		if name == "no wrap" {
			remove()
			continue
		}
		if key, err := p.UnwrapDataKey(t.Context(), []byte{1}, hsm.EncryptionContext{}); key != nil || err == nil || hsm.ClassOf(err) != hsm.Corrupt {
			t.Errorf("%s: UnwrapDataKey gave %v", name, err)
		}
		remove()
	}
}

// TestStateThatIsNone: an answer that describes no key leaves the key denied.
func TestStateThatIsNone(t *testing.T) {
	isolate(t)
	s := kmsfake.New()
	p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
	s.Inject(kmsfake.Fault{Operation: "DescribeKey", Status: http.StatusOK, Body: "{}"})
	s.Inject(kmsfake.Fault{Code: "KMSInvalidStateException"})
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Denied {
		t.Errorf("got %v, want denied", err)
	}
}

// TestRetryBudget counts tries and time: three at most, and never long.
func TestRetryBudget(t *testing.T) {
	isolate(t)
	for code, want := range map[string]int{
		"KMSInternalException": 3, "KeyUnavailableException": 3, "DependencyTimeoutException": 3, "ThrottlingException": 3,
		"AccessDeniedException": 1, "InvalidCiphertextException": 1, "DisabledException": 1, "NotFoundException": 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := kmsfake.New()
			p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
			s.Inject(kmsfake.Fault{Code: code})
			start := time.Now()
			if _, err := p.UnwrapDataKey(t.Context(), make([]byte, 184), hsm.EncryptionContext{}); err == nil {
				t.Fatal("no error")
			}
			if n := len(s.Calls()); n != want {
				t.Errorf("%s: %d tries, want %d", code, n, want)
			}
			if took := time.Since(start); took > 2*maxBackoff {
				t.Errorf("%s: waited %v between tries", code, took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := kmsfake.New()
		p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
		s.Inject(kmsfake.Fault{Code: "KMSInternalException", Times: 2})
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
			t.Errorf("the third try was to succeed: %v", err)
		}
	})
}
