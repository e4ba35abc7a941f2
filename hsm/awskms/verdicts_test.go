package awskms

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// documented is what the KMS API reference says that each operation may answer,
// besides its common errors.
var documented = map[string]string{
	"GenerateDataKey": "DependencyTimeoutException DisabledException DryRunOperationException InvalidGrantTokenException " +
		"InvalidKeyUsageException KeyUnavailableException KMSInternalException KMSInvalidStateException NotFoundException",
	"Encrypt": "DependencyTimeoutException DisabledException DryRunOperationException InvalidGrantTokenException " +
		"InvalidKeyUsageException KeyUnavailableException KMSInternalException KMSInvalidStateException NotFoundException",
	"Decrypt": "DependencyTimeoutException DisabledException DryRunOperationException IncorrectKeyException InvalidCiphertextException " +
		"InvalidGrantTokenException InvalidKeyUsageException KeyUnavailableException KMSInternalException KMSInvalidStateException NotFoundException",
	"DescribeKey": "DependencyTimeoutException InvalidArnException KMSInternalException NotFoundException",
	"GetPublicKey": "DependencyTimeoutException DisabledException InvalidArnException InvalidGrantTokenException InvalidKeyUsageException " +
		"KeyUnavailableException KMSInternalException KMSInvalidStateException NotFoundException UnsupportedOperationException",
	"GetKeyRotationStatus": "DependencyTimeoutException InvalidArnException KMSInternalException KMSInvalidStateException NotFoundException " +
		"UnsupportedOperationException",
	"GetParametersForImport": "DependencyTimeoutException InvalidArnException KMSInternalException KMSInvalidStateException NotFoundException " +
		"UnsupportedOperationException",
	"ImportKeyMaterial": "DependencyTimeoutException ExpiredImportTokenException IncorrectKeyMaterialException InvalidArnException " +
		"InvalidCiphertextException InvalidImportTokenException KMSInternalException KMSInvalidStateException NotFoundException UnsupportedOperationException",
}

// commonErrors is the reference's page "Common Errors", with the codes that its
// protocol adds (ValidationException, SerializationException) and an older
// name.
const commonErrors = "AccessDeniedException ExpiredTokenException IncompleteSignature InternalFailure MalformedHttpRequestException " +
	"NotAuthorized OptInRequired RequestAbortedException RequestEntityTooLargeException RequestExpired RequestTimeoutException " +
	"ServiceUnavailable ThrottlingException UnrecognizedClientException UnknownOperationException ValidationError " +
	"ValidationException SerializationException InvalidSignatureException InvalidClientTokenId"

// wantClasses says in groups what the table says by code. A code that is in no
// group is unclear.
func wantClasses() map[string]hsm.Class {
	want := map[string]hsm.Class{}
	for class, codes := range map[hsm.Class]string{
		hsm.Denied: "AccessDeniedException NotAuthorized OptInRequired DisabledException NotFoundException",
		hsm.Unavailable: "KMSInternalException InternalFailure ServiceUnavailable DependencyTimeoutException KeyUnavailableException " +
			"RequestAbortedException RequestTimeoutException ThrottlingException",
		hsm.Corrupt:     "InvalidCiphertextException IncorrectKeyException",
		hsm.Unsupported: "UnsupportedOperationException",
		hsm.Misconfigured: "InvalidKeyUsageException InvalidArnException ExpiredImportTokenException InvalidImportTokenException " +
			"IncorrectKeyMaterialException",
	} {
		for code := range strings.FieldsSeq(codes) {
			want[code] = class
		}
	}
	return want
}

// TestVerdicts sends every code that an operation documents through the real
// SDK.
func TestVerdicts(t *testing.T) {
	isolate(t)
	for operation, codes := range documented {
		s := kmsfake.New()
		call := callOf(t, s, operation)
		for code := range strings.FieldsSeq(codes + " " + commonErrors) {
			t.Run(operation+"/"+code, func(t *testing.T) {
				defer s.Inject(kmsfake.Fault{Operation: operation, Code: code, Message: "as told"})()
				s.Forget()
				var err error
				synctest.Test(t, func(t *testing.T) { err = call(t.Context()) })
				checkVerdict(t, s, operation, code, err)
			})
		}
	}
}

func checkVerdict(t *testing.T, s *kmsfake.Server, operation, code string, err error) {
	failed, ok := errors.AsType[*hsm.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	class := wantClasses()[code]
	if class == 0 {
		class = hsm.Unclear
	}
	if _, listed := verdicts[code]; !listed {
		t.Error("the table lacks it")
	}
	if failed.Class != class || failed.Code != code || failed.Hint == "" || failed.Operation != operation {
		t.Errorf("got %+v, want class %v", failed, class)
	}
	tries := slices.DeleteFunc(s.Calls(), func(c kmsfake.Call) bool { return c.Operation != operation })
	if last := tries[len(tries)-1]; failed.RequestID == "" || failed.RequestID != last.RequestID {
		t.Errorf("request id %q, the last call's was %q", failed.RequestID, last.RequestID)
	}
	if class != hsm.Unavailable && len(tries) != 1 {
		t.Errorf("%d tries of what no second try repairs", len(tries))
	}
}

// callOf makes a key that operation suits, and returns what calls it.
func callOf(t *testing.T, s *kmsfake.Server, operation string) func(context.Context) error {
	switch operation {
	case "GetPublicKey":
		p := openDirect(t, s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"}), "")
		return func(ctx context.Context) error { _, err := p.publicKey(ctx, 256); return err }
	case "GetParametersForImport", "ImportKeyMaterial":
		arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"})
		client := adminOver(t, direct{s}, "http://127.0.0.1:1", west)
		return func(ctx context.Context) error {
			return importInto(ctx, client, arn, make([]byte, materialSize), time.Time{})
		}
	}
	p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
	ec, key := hsm.EncryptionContext{}, hsm.NewSecret(make([]byte, hsm.DataKeySize))
	return map[string]func(context.Context) error{
		"GenerateDataKey":      func(ctx context.Context) error { _, _, err := p.GenerateDataKey(ctx, ec); return err },
		"Encrypt":              func(ctx context.Context) error { _, err := p.WrapDataKey(ctx, key, ec); return err },
		"Decrypt":              func(ctx context.Context) error { _, err := p.UnwrapDataKey(ctx, make([]byte, 184), ec); return err },
		"DescribeKey":          func(ctx context.Context) error { _, err := p.metadata(ctx); return err },
		"GetKeyRotationStatus": func(ctx context.Context) error { _, err := p.rotation(ctx); return err },
	}[operation]
}

// TestVerdictsComplete: no row that nothing documents, and a code that a later
// SDK adds has to be judged.
func TestVerdictsComplete(t *testing.T) {
	ours := commonErrors
	for _, codes := range documented {
		ours += " " + codes
	}
	for code := range verdicts {
		if !slices.Contains(strings.Fields(ours), code) {
			t.Errorf("%s is in the table, but no operation of ours documents it", code)
		}
	}
	codes := 0
	for name := range kms.TypeRegistry.Entries {
		if _, code, _ := strings.Cut(name, "#"); strings.HasSuffix(code, "Exception") {
			codes++
			if verdicts[code] == (verdict{}) && !slices.Contains(strings.Fields(elsewhere), code) {
				t.Errorf("%s is new: judge it", code)
			}
		}
	}
	if codes < 48 {
		t.Errorf("only %d exceptions in the SDK's registry: has it moved?", codes)
	}
}

// elsewhere are the codes of operations that sealmesh does not call.
const elsewhere = "AlreadyExistsException CloudHsmClusterInUseException CloudHsmClusterInvalidConfigurationException " +
	"CloudHsmClusterNotActiveException CloudHsmClusterNotFoundException CloudHsmClusterNotRelatedException ConflictException " +
	"CustomKeyStoreHasCMKsException CustomKeyStoreInvalidStateException CustomKeyStoreNameInUseException CustomKeyStoreNotFoundException " +
	"IncorrectTrustAnchorException InvalidAliasNameException InvalidGrantIdException InvalidMarkerException KMSInvalidMacException " +
	"KMSInvalidSignatureException LimitExceededException MalformedPolicyDocumentException TagException XksKeyAlreadyInUseException " +
	"XksKeyInvalidConfigurationException XksKeyNotFoundException XksProxyIncorrectAuthenticationCredentialException " +
	"XksProxyInvalidConfigurationException XksProxyInvalidResponseException XksProxyUriEndpointInUseException XksProxyUriInUseException " +
	"XksProxyUriUnreachableException XksProxyVpcEndpointServiceInUseException XksProxyVpcEndpointServiceInvalidConfigurationException " +
	"XksProxyVpcEndpointServiceNotFoundException"

// TestUnlisted: what KMS says and the table lacks is unclear, and what an
// intermediary says is an outage, whatever its status.
func TestUnlisted(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		fault kmsfake.Fault
		want  hsm.Class
	}{
		"new code, 400":           {kmsfake.Fault{Code: "NovelException", Status: 400}, hsm.Unclear},
		"new code, 401":           {kmsfake.Fault{Code: "NovelException", Status: 401}, hsm.Unclear},
		"new code, 403":           {kmsfake.Fault{Code: "NovelException", Status: 403}, hsm.Unclear},
		"new code, 429":           {kmsfake.Fault{Code: "NovelException", Status: 429}, hsm.Unavailable},
		"new code, 500":           {kmsfake.Fault{Code: "NovelException", Status: 500}, hsm.Unavailable},
		"another operation's":     {kmsfake.Fault{Code: "XksProxyUriUnreachableException"}, hsm.Unclear},
		"request id alone, 400":   {kmsfake.Fault{Status: 400, Untyped: true}, hsm.Unclear},
		"request id alone, 403":   {kmsfake.Fault{Status: 403, Untyped: true}, hsm.Unclear},
		"request id alone, 503":   {kmsfake.Fault{Status: 503, Untyped: true}, hsm.Unavailable},
		"a proxy's page, 403":     {kmsfake.Fault{Status: 403, Body: "<html>canary</html>"}, hsm.Unavailable},
		"a gateway's object, 403": {kmsfake.Fault{Status: 403, Body: `{"message":"canary"}`}, hsm.Unavailable},
		"a gateway's code, 403":   {kmsfake.Fault{Status: 403, Body: `{"code":403,"message":"canary"}`}, hsm.Unavailable},
		"nothing, 403":            {kmsfake.Fault{Status: 403}, hsm.Unavailable},
		"nothing, 407":            {kmsfake.Fault{Status: 407}, hsm.Unavailable},
		"a gateway's object, 404": {kmsfake.Fault{Status: 404, Body: `{"message":"canary"}`}, hsm.Unavailable},
		"nothing, 404":            {kmsfake.Fault{Status: 404}, hsm.Unavailable},
		"nothing, 502":            {kmsfake.Fault{Status: 502}, hsm.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := kmsfake.New()
				p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
				s.Inject(c.fault)
				_, err := p.UnwrapDataKey(t.Context(), make([]byte, 184), hsm.EncryptionContext{})
				failed, ok := errors.AsType[*hsm.Error](err)
				if !ok || failed.Class != c.want || failed.Hint == "" || failed.Code != c.fault.Code {
					t.Errorf("got %+v, want class %v", err, c.want)
				}
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("the error repeats the answer: %v", err)
				}
			})
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

// TestStateThatIsNone: an answer that describes no key leaves the refusal
// unclear.
func TestStateThatIsNone(t *testing.T) {
	isolate(t)
	s := kmsfake.New()
	p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
	s.Inject(kmsfake.Fault{Operation: "DescribeKey", Status: http.StatusOK, Body: "{}"})
	s.Inject(kmsfake.Fault{Code: "KMSInvalidStateException"})
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Unclear {
		t.Errorf("got %v, want unclear", err)
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
