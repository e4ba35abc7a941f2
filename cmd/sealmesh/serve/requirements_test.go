package serve

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// A KEK that is changed later is logged, counted and shown, and is still used;
// so is one that cannot be asked.
func TestRequireLater(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	cmdtest.SetAWSEnv(t)
	arn := k.CreateKey(kmsfake.Key{})
	file := cmdtest.OneKey(t, "awskms:///"+arn+"?endpoint="+url.QueryEscape(k.URL()), ", require: {rotation: disabled}")
	var logs bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&logs, nil))
	r := newReloader(t, file, log)

	r.checkRequirements(t.Context())
	see(t, r, "/metrics", "sealmesh_kek_requirement_violations 0\n", true)
	see(t, r, "/keys", "requirement_violation", false)

	client := kms.New(kms.Options{Region: "eu-west-1", BaseEndpoint: aws.String(k.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")})
	_, err = client.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn})
	must(t, err)
	r.checkRequirements(t.Context())
	see(t, r, "/metrics", "sealmesh_kek_requirement_violations 1\n", true)
	see(t, r, "/keys", "rotation: want disabled, is enabled", true)
	if !strings.Contains(logs.String(), "a KEK violates the requirements of the policy") {
		t.Errorf("log: %s", &logs)
	}
	must(t, r.current.cache.Verify(t.Context()))
}
