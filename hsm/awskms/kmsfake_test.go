package awskms

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// The fake's own behaviour, where the provider does not ask for it, through the
// SDK: what AWS's reference says of each operation.

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestFakeKeyLife(t *testing.T) {
	isolate(t)
	s := startFake(t)
	c, ctx := admin(t, s, west), t.Context()
	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	if !strings.HasPrefix(*id, "mrk-") || made.KeyMetadata.KeyState != types.KeyStateEnabled {
		t.Errorf("made %+v", made.KeyMetadata)
	}
	replica, err := c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String(central)})
	if err != nil || !strings.Contains(*replica.ReplicaKeyMetadata.Arn, central) {
		t.Fatalf("replica %+v, %v", replica, err)
	}
	_, err = c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String(central)})
	wantCode(t, "a replica twice", err, "AlreadyExistsException")
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: replica.ReplicaKeyMetadata.Arn})
	wantCode(t, "another Region's ARN", err, "NotFoundException")

	if _, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	wantCode(t, "pending deletion", err, "KMSInvalidStateException")
	there := admin(t, s, central)
	if _, err = there.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}); err != nil {
		t.Errorf("the replica's state is its own: %v", err)
	}
	if _, err = c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	wantCode(t, "after a cancelled deletion", err, "DisabledException")
	if _, err = c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}); err != nil {
		t.Error(err)
	}
	if _, err = c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
	wantCode(t, "disabled", err, "DisabledException")
}

func TestFakeCrypto(t *testing.T) {
	isolate(t)
	s := startFake(t)
	c, ctx := admin(t, s, west), t.Context()
	a, b := aws.String(s.CreateKey(kmsfake.Key{})), aws.String(s.CreateKey(kmsfake.Key{}))
	north, south := map[string]string{"tenant": "north"}, map[string]string{"tenant": "south"}

	made, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: a, KeySpec: types.DataKeySpecAes256, EncryptionContext: north})
	if err != nil || len(made.CiphertextBlob) != 184 || len(made.Plaintext) != 32 || *made.KeyId != *a {
		t.Fatalf("%d bytes, %v", len(made.CiphertextBlob), err)
	}
	blind, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: a, NumberOfBytes: aws.Int32(16)})
	if err != nil || len(blind.CiphertextBlob) != 168 {
		t.Errorf("%d bytes, %v", len(blind.CiphertextBlob), err)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{KeyId: b, CiphertextBlob: made.CiphertextBlob, EncryptionContext: north})
	wantCode(t, "another key", err, "IncorrectKeyException")
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: south})
	wantCode(t, "another context", err, "InvalidCiphertextException")

	moved, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{
		CiphertextBlob: made.CiphertextBlob, SourceEncryptionContext: north, DestinationKeyId: b, DestinationEncryptionContext: south,
	})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: south})
	if err != nil || !bytes.Equal(opened.Plaintext, made.Plaintext) || *opened.KeyId != *b {
		t.Errorf("re-encrypted: %v", err)
	}

	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: a, Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	wantCode(t, "a dry run", err, "DryRunOperationException")
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: a, Plaintext: make([]byte, 4097)})
	wantCode(t, "4,097 bytes", err, "ValidationException")
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: a, Plaintext: []byte("x"), EncryptionContext: map[string]string{"n": strings.Repeat("v", 8192)}})
	wantCode(t, "a context over 8 KiB", err, "ValidationException")
	_, err = c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: a})
	wantCode(t, "a public key of a symmetric one", err, "UnsupportedOperationException")
}

func TestFakeAliases(t *testing.T) {
	isolate(t)
	s := startFake(t)
	c, ctx := admin(t, s, west), t.Context()
	a, b := aws.String(s.CreateKey(kmsfake.Key{})), aws.String(s.CreateKey(kmsfake.Key{}))
	name := aws.String("alias/app")
	if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: a}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: b})
	wantCode(t, "an alias twice", err, "AlreadyExistsException")
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/aws/app"), TargetKeyId: b})
	wantCode(t, "AWS's own alias", err, "InvalidAliasNameException")
	if _, err = c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: b}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListAliases(ctx, &kms.ListAliasesInput{})
	if err != nil || len(list.Aliases) != 1 || !strings.HasSuffix(*b, *list.Aliases[0].TargetKeyId) {
		t.Errorf("aliases %+v, %v", list, err)
	}
}

// TestFakeRefusesStrangers: what is not a signed request of the API.
func TestFakeRefusesStrangers(t *testing.T) {
	s := startFake(t)
	for name, change := range map[string]func(*http.Request){
		"unsigned":          func(r *http.Request) { r.Header.Del("Authorization") },
		"another service":   func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem") },
		"unknown operation": func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.Guess") },
		"not JSON":          func(r *http.Request) { r.Body = http.NoBody },
		"a GET":             func(r *http.Request) { r.Method = http.MethodGet },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/kms/aws4_request, Signature=0")
		r.Header.Set("X-Amz-Target", "TrentService.CreateKey")
		change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode/100 != 4 || resp.Header.Get("X-Amzn-RequestId") == "" {
			t.Errorf("%s: status %d, request id %q", name, resp.StatusCode, resp.Header.Get("X-Amzn-RequestId"))
		}
	}
}
