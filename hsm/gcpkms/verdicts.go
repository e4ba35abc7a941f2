package gcpkms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// A verdict is what one of Google's codes means to sealmesh.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission = "grant the principal roles/cloudkms.cryptoKeyEncrypter or cryptoKeyDecrypter on the key; Cloud Audit Logs name it"
	hintRetry      = "nothing to do if it passes; otherwise see the Google Cloud Service Health page of the location"
	hintQuota      = "the project's Cloud KMS quota is used up; raise it, or the keys' soft bounds"
	hintBetween    = "something between here and Cloud KMS changed or replaced the answer; check endpoint= and the proxy settings"
	hintState      = "see the key's versions with `gcloud kms keys versions list`"
)

// verdicts are google.rpc.Code's names, as an error's "status" shows them.
var verdicts = map[string]verdict{
	"PERMISSION_DENIED": {hsm.Denied, hintPermission},
	"UNAUTHENTICATED":   {hsm.Denied, "the access token was not accepted: renew the process's Google credentials"},
	// A version that is not enabled, for one; see states.
	"FAILED_PRECONDITION": {hsm.Denied, hintState},

	"RESOURCE_EXHAUSTED": {hsm.Unavailable, hintQuota},
	"UNAVAILABLE":        {hsm.Unavailable, hintRetry},
	"INTERNAL":           {hsm.Unavailable, hintRetry},
	"DEADLINE_EXCEEDED":  {hsm.Unavailable, hintRetry},
	"ABORTED":            {hsm.Unavailable, hintRetry},
	"CANCELLED":          {hsm.Unavailable, hintRetry},
	"UNKNOWN":            {hsm.Unavailable, hintRetry},
	"DATA_LOSS":          {hsm.Unavailable, hintRetry},

	// Of Decrypt it is Corrupt: the record is what is not valid.
	"INVALID_ARGUMENT": {hsm.Misconfigured, "use a key of purpose ENCRYPT_DECRYPT; a key context for an HSM key must be below 8 KiB"},
	"OUT_OF_RANGE":     {hsm.Misconfigured, "check the key's name"},
	"NOT_FOUND":        {hsm.Misconfigured, "check the key's project, location, key ring and name"},
	"ALREADY_EXISTS":   {hsm.Misconfigured, "sealmesh does not make the request this error belongs to; check endpoint="},
	"UNIMPLEMENTED":    {hsm.Unsupported, "check endpoint=: it does not serve Cloud KMS version 1"},
}

// reasons are google.api.ErrorInfo's that say more than the status.
var reasons = map[string]verdict{
	"SERVICE_DISABLED":                {hsm.Denied, "enable cloudkms.googleapis.com in the project, or name one where it is by quota-project="},
	"BILLING_DISABLED":                {hsm.Denied, "enable billing for the project"},
	"CONSUMER_INVALID":                {hsm.Denied, "the project that pays was deleted or never existed"},
	"ACCESS_TOKEN_SCOPE_INSUFFICIENT": {hsm.Denied, "give the instance or node pool the scope cloudkms or cloud-platform"},
	"ACCESS_TOKEN_EXPIRED":            {hsm.Unavailable, "renew the process's Google credentials; check this machine's clock"},
	"ACCESS_TOKEN_TYPE_UNSUPPORTED":   {hsm.Denied, "renew the process's Google credentials"},
	"RATE_LIMIT_EXCEEDED":             {hsm.Unavailable, hintQuota},
}

// states are those of a version that cannot be used.
var states = map[string]verdict{
	"DISABLED":           {hsm.Denied, "enable the version, unless it was disabled to revoke it"},
	"DESTROY_SCHEDULED":  {hsm.Denied, "restore and enable the version before its destruction: after it nothing that it wrapped can ever be opened"},
	"DESTROYED":          {hsm.Denied, "the version is gone, and so is what it wrapped"},
	"PENDING_GENERATION": {hsm.Unavailable, "the version is still being generated; it passes"},
	"PENDING_IMPORT":     {hsm.Denied, "import the version's key material"},
	"GENERATION_FAILED":  {hsm.Misconfigured, "make a new version, and make it the primary one"},
	"IMPORT_FAILED":      {hsm.Misconfigured, "import again, into a new version"},

	"PENDING_EXTERNAL_DESTRUCTION": {hsm.Denied, "the external key is being destroyed"},
	"EXTERNAL_DESTRUCTION_FAILED":  {hsm.Denied, "the external key was to be destroyed"},
}

// notEnabled is the sentence by which Cloud KMS names a version and its state.
var notEnabled = regexp.MustCompile(`/cryptoKeyVersions/([0-9]{1,19}) is not enabled, current state is: ([A-Z_]{1,40})`)

// classify reads an answer that is not 200. Of its text it repeats only names
// from these tables and a version's number: a message might hold what was sent.
func (c *client) classify(operation string, status int, text []byte) *hsm.Error {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &body)
	v, known := verdicts[body.Error.Status]
	if !known {
		// Not Google's: it says nothing of the key, not even a 403.
		failed := c.fail(hsm.Unavailable, operation, errors.New("the answer is not one of Cloud KMS's"), hintBetween)
		failed.Code = fmt.Sprintf("HTTP %d", status)
		return failed
	}
	failed := c.fail(v.class, operation, nil, v.hint)
	failed.Code = body.Error.Status
	for _, d := range body.Error.Details {
		if v, ok := reasons[d.Reason]; ok {
			failed.Class, failed.Hint, failed.Err = v.class, v.hint, errors.New(d.Reason)
		}
	}
	switch {
	case failed.Code == "INVALID_ARGUMENT" && strings.Contains(strings.ToLower(body.Error.Message), "crc32c"):
		failed.Class, failed.Hint, failed.Err = hsm.Unavailable, hintBetween, errors.New("what was sent arrived damaged")
	case failed.Code == "INVALID_ARGUMENT" && operation == "Decrypt":
		failed.Class, failed.Hint = hsm.Corrupt, hsm.HintCorrupt
	case failed.Code == "FAILED_PRECONDITION":
		explain(failed, body.Error.Message)
	}
	return failed
}

// A versionError says that one version of the key cannot be used.
type versionError struct{ version, state string }

func (e *versionError) Error() string { return "version " + e.version + " is " + e.state }

// explain makes the state of a version the reason, where Cloud KMS names one.
func explain(failed *hsm.Error, message string) {
	m := notEnabled.FindStringSubmatch(message)
	if m == nil {
		return
	}
	if v, ok := states[m[2]]; ok {
		failed.Class, failed.Hint, failed.Err = v.class, v.hint, &versionError{m[1], m[2]}
	}
}

// classifyTransport is for what never became an answer. Its texts name hosts, and
// nothing that was sent.
func (c *client) classifyTransport(ctx context.Context, operation string, err error) *hsm.Error {
	cause, hint := rest.Unanswered(ctx, err,
		"see whether Cloud KMS or an external key manager is slow, or raise timeout=",
		"check the network path to Cloud KMS: DNS, firewall, Private Google Access, proxy settings")
	return c.fail(hsm.Unavailable, operation, cause, hint)
}
