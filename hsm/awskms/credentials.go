package awskms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sealmesh/sealmesh/hsm"
)

// credentialVerdicts holds every error code that services of credentials
// document: STS (AssumeRole, AssumeRoleWithWebIdentity), IAM Identity Center
// (SSO GetRoleCredentials, SSO OIDC CreateToken), and AWS's common errors.
//
// None is Denied, since none is about the KEK: a withdrawn role and a failing
// identity provider give the same answer.
var credentialVerdicts = map[string]verdict{
	"AccessDenied":                  {hsm.Unclear, hintIdentity},
	"AccessDeniedException":         {hsm.Unclear, hintIdentity},
	"IDPRejectedClaim":              {hsm.Unclear, hintIdentity},
	"InvalidIdentityToken":          {hsm.Unclear, hintIdentity},
	"MalformedPolicyDocument":       {hsm.Unclear, "check the session policy of the AWS profile"},
	"PackedPolicyTooLarge":          {hsm.Unclear, "check the session policy and the session tags of the AWS profile"},
	"RegionDisabledException":       {hsm.Unclear, "activate STS in the Region for the account"},
	"ExpiredTokenException":         {hsm.Unclear, "see whether the web identity token, or the login, is renewed"},
	"UnauthorizedException":         {hsm.Unclear, hintLogin},
	"InvalidGrantException":         {hsm.Unclear, hintLogin},
	"InvalidClientException":        {hsm.Unclear, hintLogin},
	"ResourceNotFoundException":     {hsm.Unclear, "check the account and the role of the AWS profile"},
	"InvalidRequestException":       {hsm.Unclear, hintCreds},
	"InvalidScopeException":         {hsm.Unclear, hintCreds},
	"AuthorizationPendingException": {hsm.Unclear, hintCreds},
	"UnauthorizedClientException":   {hsm.Unclear, hintCreds},
	"UnsupportedGrantTypeException": {hsm.Unclear, hintCreds},
	"InvalidClientTokenId":          {hsm.Unclear, hintCreds},
	"UnrecognizedClientException":   {hsm.Unclear, hintCreds},
	"SignatureDoesNotMatch":         {hsm.Unclear, hintSignature},
	"IncompleteSignature":           {hsm.Unclear, hintSignature},
	"RequestExpired":                {hsm.Unclear, "check this machine's clock"},
	"ValidationError":               {hsm.Unclear, hintCreds},

	"IDPCommunicationError":    {hsm.Unavailable, "STS could not reach the identity provider; wait"},
	"InternalFailure":          {hsm.Unavailable, hintRetry},
	"InternalServerException":  {hsm.Unavailable, hintRetry},
	"ServiceUnavailable":       {hsm.Unavailable, hintRetry},
	"RequestAbortedException":  {hsm.Unavailable, hintRetry},
	"RequestTimeoutException":  {hsm.Unavailable, hintRetry},
	"Throttling":               {hsm.Unavailable, hintThrottled},
	"ThrottlingException":      {hsm.Unavailable, hintThrottled},
	"TooManyRequestsException": {hsm.Unavailable, hintThrottled},
	"SlowDownException":        {hsm.Unavailable, hintThrottled},
}

// A credentialFault is why the SDK has no credentials. KMS got no request, so
// the fault says nothing about the KEK.
type credentialFault struct{ error }

func (f credentialFault) Unwrap() error { return f.error }

// markedCredentials marks the errors of the SDK's own provider, which otherwise
// look like errors of KMS.
type markedCredentials struct{ aws.CredentialsProvider }

// Retrieve implements [aws.CredentialsProvider].
func (c markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, credentialFault{err}
	}
	return found, nil
}

// checkProcess refuses to run a command for credentials unless the key's URI
// names the profile that has it. The default profile of a configuration file,
// or AWS_PROFILE, may name such a profile too, but those come from the
// environment.
func checkProcess(s settings, cfg aws.Config) error {
	var env config.EnvConfig
	var profile config.SharedConfig
	for _, source := range cfg.ConfigSources {
		switch source := source.(type) {
		case config.EnvConfig:
			env = source
		case config.SharedConfig:
			profile = source
		}
	}
	if s.profile != "" || env.Credentials.HasKeys() || env.WebIdentityTokenFilePath != "" {
		return nil // the default profile gives no credentials
	}
	for profile.Source != nil {
		profile = *profile.Source
	}
	if profile.CredentialProcess == "" {
		return nil
	}
	return &hsm.Error{
		Class: hsm.Misconfigured, Provider: Kind, Operation: "LoadCredentials", KeyID: s.key.String(),
		Err:  errors.New("the AWS profile has a command run for credentials (credential_process)"),
		Hint: "name the profile in the key's URI by profile=, if that is wanted",
	}
}
