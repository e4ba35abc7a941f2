package awskms

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// stateVerdicts says what a key's state means for its use. A state that is not
// here counts as Enabled.
//
// A key is Unavailable while its custom key store is disconnected. AWS
// disconnects a store that fails, and a customer disconnects an external store
// to stop all use of its keys. Only the operator knows which of the two
// happened.
var stateVerdicts = map[types.KeyState]verdict{
	types.KeyStateDisabled:               {hsm.Denied, hintDisabled},
	types.KeyStatePendingDeletion:        {hsm.Denied, "cancel the deletion and enable the key before the waiting period ends: after it nothing that this key wrapped can ever be opened"},
	types.KeyStatePendingReplicaDeletion: {hsm.Denied, "cancel the deletion and enable the key before its last replica is gone: after it nothing that this key wrapped can ever be opened"},
	types.KeyStatePendingImport:          {hsm.Denied, "the imported key material has expired or was deleted, or was never imported; import the same material again"},
	types.KeyStateUnavailable:            {hsm.Unclear, hintStore},
	types.KeyStateCreating:               {hsm.Unavailable, "the key is still being created; wait"},
	types.KeyStateUpdating:               {hsm.Unavailable, "the multi-Region key's primary Region is being changed; wait"},
}

// explain asks for the key's state if KMS says only that the state is wrong:
// pending deletion is a revocation, and the error code does not show it. If the
// state is unknown or not wrong, the failure stays unclear: with Enabled, the
// proxy of an external key store failed, or refused, which is its owner's way
// to revoke.
func (r *region) explain(ctx context.Context, failed *hsm.Error) *hsm.Error {
	if failed.Code != "KMSInvalidStateException" {
		return failed
	}
	out, err := r.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(r.key.String()), GrantTokens: r.grantTokens})
	if err != nil || out.KeyMetadata == nil {
		return failed
	}
	state := out.KeyMetadata.KeyState
	if v, ok := stateVerdicts[state]; ok {
		failed.Class, failed.Hint = v.class, v.hint
	}
	failed.Err = fmt.Errorf("%w: the key's state is %s", failed.Err, state)
	return failed
}

// usable returns why a key cannot be a KEK, or nil.
func usable(m *types.KeyMetadata) *hsm.Error {
	no := func(class hsm.Class, hint, format string, args ...any) *hsm.Error {
		return &hsm.Error{Class: class, Provider: Kind, Operation: "Open", KeyID: aws.ToString(m.Arn), Err: fmt.Errorf(format, args...), Hint: hint}
	}
	_, isRSA := modulusBytes[m.KeySpec]
	switch {
	case m.KeyManager == types.KeyManagerTypeAws:
		return no(hsm.Misconfigured, "create a customer-managed key", "the key is managed by AWS, and only AWS services may use it")
	case m.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return no(hsm.Misconfigured, hintUsage, "the key's usage is %s", m.KeyUsage)
	case m.KeySpec != types.KeySpecSymmetricDefault && !isRSA:
		return no(hsm.Unsupported, "use a SYMMETRIC_DEFAULT or RSA key", "the key's spec is %s", m.KeySpec)
	}
	if v, ok := stateVerdicts[m.KeyState]; ok && m.KeyState != types.KeyStateUpdating {
		return no(v.class, v.hint, "the key's state is %s", m.KeyState)
	}
	return nil
}

var errNoMetadata = errors.New("KMS described no key")
