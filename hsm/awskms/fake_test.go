package awskms

import (
	"net/url"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// startFake runs a fake KMS and gives the process credentials for it, so that
// nothing looks further: no shared files, no instance metadata.
func startFake(t testing.TB) *kmsfake.Server {
	t.Helper()
	s, err := kmsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// isolate makes the environment the same on every machine. It is apart from
// startFake because t.Setenv rules t.Parallel out.
func isolate(t testing.TB) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "an example of a secret access key")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_CONFIG_FILE", "testdata/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "testdata/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_ENDPOINT_URL_KMS", "")
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("HTTP_PROXY", "")
}

// uri is arn's URI at the fake, with more options in pairs.
func uri(s *kmsfake.Server, arn string, options ...string) string {
	q := url.Values{"endpoint": {s.URL()}}
	for i := 0; i < len(options); i += 2 {
		q.Set(options[i], options[i+1])
	}
	return "awskms:///" + arn + "?" + q.Encode()
}

func mustOpen(t testing.TB, uri string) *Provider {
	t.Helper()
	p, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func opener(uri string) func(testing.TB) hsm.Provider {
	return func(t testing.TB) hsm.Provider { return mustOpen(t, uri) }
}

func count(calls []kmsfake.Call, operation, region string) int {
	n := 0
	for _, c := range calls {
		if c.Operation == operation && (region == "" || c.Region == region) {
			n++
		}
	}
	return n
}
