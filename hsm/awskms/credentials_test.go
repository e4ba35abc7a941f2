package awskms

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// webIdentity has the process's credentials come from STS, by a role.
func webIdentity(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a web identity"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/sidecar")
}

// credentialErrors is what the API references of the services say that give
// credentials, and the common errors that STS adds.
const credentialErrors = "ExpiredTokenException MalformedPolicyDocument PackedPolicyTooLarge RegionDisabledException " + // AssumeRole
	"IDPCommunicationError IDPRejectedClaim InvalidIdentityToken " + // AssumeRoleWithWebIdentity
	"InvalidRequestException ResourceNotFoundException TooManyRequestsException UnauthorizedException " + // SSO GetRoleCredentials
	"AccessDeniedException AuthorizationPendingException InternalServerException InvalidClientException InvalidGrantException " + // SSO OIDC CreateToken
	"InvalidScopeException SlowDownException UnauthorizedClientException UnsupportedGrantTypeException " +
	"AccessDenied IncompleteSignature InternalFailure InvalidClientTokenId RequestAbortedException RequestExpired RequestTimeoutException " +
	"ServiceUnavailable SignatureDoesNotMatch Throttling ThrottlingException UnrecognizedClientException ValidationError"

// TestCredentialVerdicts: what a service that gives credentials answers while
// the process runs says nothing of the KEK. None evicts.
func TestCredentialVerdicts(t *testing.T) {
	isolate(t)
	webIdentity(t)
	passing := strings.Fields("IDPCommunicationError InternalFailure InternalServerException ServiceUnavailable RequestAbortedException " +
		"RequestTimeoutException Throttling ThrottlingException TooManyRequestsException SlowDownException")
	for code := range strings.FieldsSeq(credentialErrors + " NovelException") {
		want := hsm.Unclear
		if slices.Contains(passing, code) {
			want = hsm.Unavailable
		}
		if _, listed := credentialVerdicts[code]; !listed && code != "NovelException" {
			t.Errorf("%s: the table lacks it", code)
		}
		if failed := credentialsRefused(t, kmsfake.Fault{Code: code, Message: "as told"}); failed.Class != want || failed.Code != code || failed.RequestID == "" || failed.Hint == "" {
			t.Errorf("%s: %+v, want class %v", code, failed, want)
		}
	}
	for code := range credentialVerdicts {
		if !slices.Contains(strings.Fields(credentialErrors), code) {
			t.Errorf("%s is in the table, but no service documents it", code)
		}
	}
	for _, fault := range []kmsfake.Fault{{Status: http.StatusForbidden}, {Status: http.StatusForbidden, Body: "<html>canary</html>"}, {Status: http.StatusBadGateway}} {
		if failed := credentialsRefused(t, fault); failed.Class != hsm.Unavailable || strings.Contains(failed.Error(), "canary") {
			t.Errorf("%+v in STS's place: %v", fault, failed)
		}
	}
}

// credentialsRefused opens a KEK, and uses it while STS answers with fault and
// the credentials are to be fetched again.
func credentialsRefused(t *testing.T, fault kmsfake.Fault) *hsm.Error {
	t.Helper()
	s := kmsfake.New()
	s.Lease(0)
	p := openDirect(t, s, s.CreateKey(kmsfake.Key{}), "")
	fault.Operation = "AssumeRoleWithWebIdentity"
	s.Inject(fault)
	_, err := p.UnwrapDataKey(t.Context(), make([]byte, 184), hsm.EncryptionContext{})
	failed, ok := errors.AsType[*hsm.Error](err)
	if !ok {
		t.Fatalf("%+v: got %v", fault, err)
	}
	if slices.ContainsFunc(s.Calls(), func(c kmsfake.Call) bool { return c.Operation == "Decrypt" }) {
		t.Fatal("KMS was asked without credentials")
	}
	return failed
}

// TestExternalKeyStore: a proxy that refuses leaves the key's state Enabled. It
// may be the owner's kill switch or an accident.
func TestExternalKeyStore(t *testing.T) {
	isolate(t)
	s := kmsfake.New()
	arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL_KEY_STORE"})
	p := openDirect(t, s, arn, "")
	_, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	s.DenyByProxy(arn, true)
	_, unwrapped := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{})
	_, _, generated := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	for _, err := range []error{unwrapped, generated} {
		if err == nil || hsm.ClassOf(err) != hsm.Unclear || !strings.Contains(err.Error(), "state is Enabled") {
			t.Errorf("got %v, want it unclear", err)
		}
	}
	s.DenyByProxy(arn, false)
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}

// TestCredentialProcess: a command that a configuration file names is run only
// where the key's URI names the profile.
func TestCredentialProcess(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{})
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	dir := t.TempDir()
	answer, ran := filepath.Join(dir, "answer"), filepath.Join(dir, "ran")
	text := `{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"an example of a secret access key"}`
	if err := os.WriteFile(answer, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := "credential_process = sh -c \"touch " + ran + "; cat " + answer + "\"\n"
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte("[default]\n"+process+"[profile role]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = default\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	for _, profile := range []string{"", "default", "role"} {
		t.Setenv("AWS_PROFILE", profile)
		_, err := Open(t.Context(), uri(s, arn))
		if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "credential_process") {
			t.Errorf("AWS_PROFILE=%s: %v", profile, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Fatal("the command was run")
	}
	mustOpen(t, uri(s, arn, "profile", "default"))
	if _, err := os.Stat(ran); err != nil {
		t.Error("the command was not run for a profile that the URI names")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "an example of a secret access key")
	t.Setenv("AWS_PROFILE", "")
	mustOpen(t, uri(s, arn))
}
