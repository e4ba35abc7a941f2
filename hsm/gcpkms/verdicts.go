package gcpkms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A verdict says what one of Google's codes means.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission = "grant the principal roles/cloudkms.cryptoKeyEncrypter or cryptoKeyDecrypter on the key; Cloud Audit Logs name it"
	hintRetry      = "retries may succeed; otherwise see the Google Cloud Service Health page of the location"
	hintQuota      = "the project's Cloud KMS quota is used up; raise it, or the keys' soft TTLs (cache.soft)"
	hintBetween    = "an intermediary changed or replaced the answer of Cloud KMS; check endpoint= and the proxy settings"
	hintState      = "see the key's versions with `gcloud kms keys versions list`, and its external key manager where it has one"
	hintName       = "check the key's project, location, key ring and name"
	hintToken      = "the access token was not accepted: renew the process's Google credentials, and check this machine's clock"
	hintPolicy     = "a policy of the organization or a VPC Service Controls perimeter is in the way; Cloud Audit Logs name it"
	hintAccount    = "see the state of the project and of its billing account"
	hintNotOurs    = "sealmesh makes no request that gives this error; check endpoint="
)

// verdicts are the codes of google.rpc.Code, by their names in an error's
// "status". A status that is not here is unclear.
//
// A status that reads like a refusal but may be an outage is unclear: Google
// answers UNAUTHENTICATED if its own token servers are down.
var verdicts = map[string]verdict{
	"PERMISSION_DENIED": {hsm.Denied, hintPermission}, // alone; see reasons
	"NOT_FOUND":         {hsm.Denied, hintName},

	"UNAUTHENTICATED":     {hsm.Unclear, hintToken},
	"FAILED_PRECONDITION": {hsm.Unclear, hintState}, // a version's state says more; see states
	"OUT_OF_RANGE":        {hsm.Unclear, hintName},
	"ALREADY_EXISTS":      {hsm.Unclear, hintNotOurs},

	"RESOURCE_EXHAUSTED": {hsm.Unavailable, hintQuota},
	"UNAVAILABLE":        {hsm.Unavailable, hintRetry},
	"INTERNAL":           {hsm.Unavailable, hintRetry},
	"DEADLINE_EXCEEDED":  {hsm.Unavailable, hintRetry},
	"ABORTED":            {hsm.Unavailable, hintRetry},
	"CANCELLED":          {hsm.Unavailable, hintRetry},
	"UNKNOWN":            {hsm.Unavailable, hintRetry},
	"DATA_LOSS":          {hsm.Unavailable, hintRetry},

	// From Decrypt it is Corrupt: then the record is invalid.
	"INVALID_ARGUMENT": {hsm.Misconfigured, "use a key of purpose ENCRYPT_DECRYPT; a key context for an HSM key must be below 8 KiB"},
	"UNIMPLEMENTED":    {hsm.Unsupported, "check endpoint=: it does not serve Cloud KMS version 1"},
}

// reasons are the values of google.api.ErrorReason, which is more precise than
// a status. A reason that is not here is unclear. Only what an administrator
// does to this principal or this key is denied.
var reasons = map[string]verdict{
	"IAM_PERMISSION_DENIED":           {hsm.Denied, hintPermission},
	"USER_BLOCKED_BY_ADMIN":           {hsm.Denied, "an administrator blocked the principal"},
	"ACCESS_TOKEN_SCOPE_INSUFFICIENT": {hsm.Denied, "give the instance or node pool the scope cloudkms or cloud-platform"},
	"SERVICE_DISABLED":                {hsm.Denied, "enable cloudkms.googleapis.com in the project, or name one where it is by quota-project="},

	"ACCESS_TOKEN_EXPIRED":          {hsm.Unclear, hintToken},
	"ACCESS_TOKEN_TYPE_UNSUPPORTED": {hsm.Unclear, hintToken},
	"ACCOUNT_STATE_INVALID":         {hsm.Unclear, "the principal's account was deleted or disabled; " + hintToken},
	"ACCOUNT_TYPE_UNSUPPORTED":      {hsm.Unclear, hintToken},
	"CREDENTIALS_MISSING":           {hsm.Unclear, hintToken},
	"CREDENTIAL_TYPE_UNSUPPORTED":   {hsm.Unclear, hintToken},
	"OVERLOADED_CREDENTIALS":        {hsm.Unclear, hintToken},
	"JWT_TOKEN_INVALID":             {hsm.Unclear, hintToken},
	"SESSION_COOKIE_INVALID":        {hsm.Unclear, hintToken},

	"BILLING_DISABLED":         {hsm.Unclear, hintAccount},
	"CONSUMER_INVALID":         {hsm.Unclear, hintAccount},
	"CONSUMER_SUSPENDED":       {hsm.Unclear, hintAccount},
	"GCP_SUSPENDED":            {hsm.Unclear, hintAccount},
	"RESOURCE_PROJECT_INVALID": {hsm.Unclear, hintAccount},
	"USER_PROJECT_DENIED":      {hsm.Unclear, "grant roles/serviceusage.serviceUsageConsumer on the project of quota-project="},

	"SECURITY_POLICY_VIOLATED":            {hsm.Unclear, hintPolicy},
	"ORG_RESTRICTION_VIOLATION":           {hsm.Unclear, hintPolicy},
	"ORG_RESTRICTION_HEADER_INVALID":      {hsm.Unclear, hintPolicy},
	"LOCATION_POLICY_VIOLATED":            {hsm.Unclear, hintPolicy},
	"LOCATION_ORG_POLICY_VIOLATED":        {hsm.Unclear, hintPolicy},
	"LOCATION_TAX_POLICY_VIOLATED":        {hsm.Unclear, hintPolicy},
	"RESOURCE_USAGE_RESTRICTION_VIOLATED": {hsm.Unclear, hintPolicy},
	"ENDPOINT_USAGE_RESTRICTION_VIOLATED": {hsm.Unclear, hintPolicy},
	"TLS_ORG_POLICY_VIOLATED":             {hsm.Unclear, hintPolicy},
	"TLS_CIPHER_RESTRICTION_VIOLATED":     {hsm.Unclear, hintPolicy},

	"RATE_LIMIT_EXCEEDED":     {hsm.Unavailable, hintQuota},
	"RESOURCE_QUOTA_EXCEEDED": {hsm.Unavailable, hintQuota},
	"EMULATOR_QUOTA_EXCEEDED": {hsm.Unavailable, hintQuota},

	"API_KEY_INVALID":                {hsm.Unclear, hintNotOurs},
	"API_KEY_SERVICE_BLOCKED":        {hsm.Unclear, hintNotOurs},
	"API_KEY_HTTP_REFERRER_BLOCKED":  {hsm.Unclear, hintNotOurs},
	"API_KEY_IP_ADDRESS_BLOCKED":     {hsm.Unclear, hintNotOurs},
	"API_KEY_ANDROID_APP_BLOCKED":    {hsm.Unclear, hintNotOurs},
	"API_KEY_IOS_APP_BLOCKED":        {hsm.Unclear, hintNotOurs},
	"CREDENTIAL_ANDROID_APP_INVALID": {hsm.Unclear, hintNotOurs},
	"MISSING_ORIGIN":                 {hsm.Unclear, hintNotOurs},
	"SYSTEM_PARAMETER_UNSUPPORTED":   {hsm.Unclear, hintNotOurs},
	"SERVICE_NOT_VISIBLE":            {hsm.Unclear, hintNotOurs},
	"MCP_SERVER_DISABLED":            {hsm.Unclear, hintNotOurs},
}

// states are the states of an unusable version (CryptoKeyVersionState).
var states = map[string]verdict{
	"DISABLED":           {hsm.Denied, "enable the version, unless it was disabled to revoke it"},
	"DESTROY_SCHEDULED":  {hsm.Denied, "restore and enable the version before its destruction: after it nothing that it wrapped can ever be opened"},
	"DESTROYED":          {hsm.Denied, "the version is gone, and so is what it wrapped"},
	"PENDING_GENERATION": {hsm.Unavailable, "the version is still being generated; wait"},
	"PENDING_IMPORT":     {hsm.Denied, "import the version's key material"},
	"GENERATION_FAILED":  {hsm.Misconfigured, "make a new version, and make it the primary one"},
	"IMPORT_FAILED":      {hsm.Misconfigured, "import again, into a new version"},

	"PENDING_EXTERNAL_DESTRUCTION": {hsm.Denied, "the external key is being destroyed"},
	"EXTERNAL_DESTRUCTION_FAILED":  {hsm.Denied, "the external key was to be destroyed"},
}

// notEnabled matches the sentence in which Cloud KMS names a version and its
// state.
var notEnabled = regexp.MustCompile(`/cryptoKeyVersions/([0-9]{1,19}) is not enabled, current state is: ([A-Z_]{1,40})`)

// An apiError is google.rpc.Status, as the API writes it.
type apiError struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}

// classify classifies an answer that is not 200. It repeats only names of these
// tables and a version's number: other text might hold what was sent.
func (c *client) classify(operation string, status int, text []byte) *hsm.Error {
	var body apiError
	_ = json.Unmarshal(text, &body)
	failed := c.fail(hsm.Unavailable, operation, nil, hintRetry)
	failed.Code = fmt.Sprintf("HTTP %d", status)
	v, known := verdicts[body.Error.Status]
	switch {
	case body.Error.Status == "":
		// Not from Google: it says nothing about the key, not even a 403.
		failed.Err, failed.Hint = errNotKMS, hintBetween
		return failed
	case !known:
		v = verdict{hsm.Unclear, hintState}
	default:
		failed.Code = body.Error.Status
	}
	if status >= 500 || status == 429 {
		if v.class == hsm.Unavailable {
			failed.Hint = v.hint
		}
		return failed
	}
	failed.Class, failed.Hint = v.class, v.hint
	for _, d := range body.Error.Details {
		if d.Reason != "" {
			explainReason(failed, d.Reason)
		}
	}
	switch {
	case failed.Code == "INVALID_ARGUMENT" && strings.Contains(strings.ToLower(body.Error.Message), "crc32c"):
		failed.Class, failed.Hint, failed.Err = hsm.Unavailable, hintBetween, errors.New("what was sent arrived damaged")
	case failed.Code == "INVALID_ARGUMENT" && operation == "Decrypt":
		failed.Class, failed.Hint = hsm.Corrupt, hsm.HintCorrupt
	case failed.Code == "FAILED_PRECONDITION":
		explainState(failed, body.Error.Message)
	}
	return failed
}

// explainReason classifies failed by reason. A refusal with an unknown reason
// may be an outage, so it is unclear.
func explainReason(failed *hsm.Error, reason string) {
	v, ok := reasons[reason]
	switch {
	case ok:
		failed.Class, failed.Hint, failed.Err = v.class, v.hint, errors.New(reason)
	case failed.Class == hsm.Denied:
		failed.Class = hsm.Unclear
	}
}

// A versionError says that one version of the key cannot be used.
type versionError struct{ version, state string }

func (e *versionError) Error() string { return "version " + e.version + " is " + e.state }

// explainState classifies failed by the state of a version, if message names
// one.
func explainState(failed *hsm.Error, message string) {
	m := notEnabled.FindStringSubmatch(message)
	if m == nil {
		return
	}
	if v, ok := states[m[2]]; ok {
		failed.Class, failed.Hint, failed.Err = v.class, v.hint, &versionError{m[1], m[2]}
	}
}

// classifyTransport classifies a request that got no answer.
func (c *client) classifyTransport(ctx context.Context, operation string, err error) *hsm.Error {
	cause, hint := guard.Unanswered(ctx, err,
		"see whether Cloud KMS or an external key manager is slow, or raise timeout=",
		"check the network path to Cloud KMS: DNS, firewall, Private Google Access, proxy settings")
	return c.fail(hsm.Unavailable, operation, cause, hint)
}

// tokenVerdicts are the codes of OAuth (RFC 6749 §5.2, RFC 8693 §2.2.2) that
// the token service and STS give. Neither is Cloud KMS: after a refusal the KEK
// may still be usable, and evicting data keys would turn a fault of theirs into
// a full outage. So they are unclear at most.
var tokenVerdicts = map[string]verdict{
	"invalid_grant":           {hsm.Unclear, "the service account's key was deleted or disabled, the federated token has expired, or this machine's clock is wrong"},
	"invalid_client":          {hsm.Unclear, "the client of the credentials was deleted"},
	"unauthorized_client":     {hsm.Unclear, "allow the account this scope"},
	"access_denied":           {hsm.Unclear, "allow the account to be impersonated"},
	"invalid_target":          {hsm.Unclear, "check the audience of the federated identity"},
	"invalid_request":         {hsm.Unclear, "check the credentials' file"},
	"invalid_scope":           {hsm.Unclear, "allow the account this scope"},
	"unsupported_grant_type":  {hsm.Unclear, "check the credentials' file"},
	"server_error":            {hsm.Unavailable, hintRetry},
	"temporarily_unavailable": {hsm.Unavailable, hintRetry},
}

// classifyToken classifies an answer of a service that gives tokens. Its form
// is OAuth's, or the API's if an account is impersonated.
func classifyToken(key string, status int, text []byte) *hsm.Error {
	failed := unavailable(key, nil, hintCredentials)
	failed.Code = fmt.Sprintf("HTTP %d", status)
	if status >= 500 || status == 429 {
		return failed
	}
	var flat struct {
		Error string `json:"error"`
	}
	var api apiError
	_, named := verdicts[api.status(text)]
	switch _ = json.Unmarshal(text, &flat); {
	case tokenVerdicts[flat.Error].hint != "":
		v := tokenVerdicts[flat.Error]
		failed.Class, failed.Code, failed.Hint = v.class, flat.Error, v.hint
	case named:
		failed.Class, failed.Code, failed.Hint = hsm.Unclear, api.Error.Status, "allow the account to be impersonated, and enable iamcredentials.googleapis.com"
	case flat.Error != "":
		failed.Class = hsm.Unclear
	}
	return failed
}

func (e *apiError) status(text []byte) string {
	_ = json.Unmarshal(text, e)
	return e.Error.Status
}
