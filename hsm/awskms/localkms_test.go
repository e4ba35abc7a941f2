package awskms

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	localconfig "github.com/nsmithuk/local-kms/src/config"
	localdata "github.com/nsmithuk/local-kms/src/data"
	localkms "github.com/nsmithuk/local-kms/src/handler"
	"github.com/sirupsen/logrus"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// localKMSGaps is what local-kms gets wrong and KMS does not: it authenticates
// neither the header of its ciphertexts nor the boundaries between the
// context's names and values, and crashes on a short ciphertext or an unknown
// key version.
var localKMSGaps = map[string]string{
	"moved boundary": "the encryption context is bound as one string without delimiters",
	"Tampered":       "the key's ARN in the ciphertext is not authenticated",
	"Truncated":      "a ciphertext shorter than its nonce crashes the handler",
	"HostileInput":   "a ciphertext shorter than its nonce crashes the handler",
}

// startLocalKMS serves github.com/nsmithuk/local-kms, a KMS written by others
// against the real one's behaviour. It knows neither multi-Region keys nor
// grants nor expiring material, sends no request ids, and answers a Decrypt
// with the wrong KeyId by InvalidCiphertextException where KMS says
// IncorrectKeyException; our fake covers those.
func startLocalKMS(t *testing.T) string {
	t.Helper()
	localconfig.AWSRegion, localconfig.AWSAccountId = "eu-west-2", kmsfake.Account // its own globals
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	db := localdata.NewDatabase(t.TempDir())
	t.Cleanup(db.Close)
	var mu sync.Mutex // its handlers share what they should not
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		mu.Lock()
		defer mu.Unlock()
		method := reflect.ValueOf(localkms.NewRequestHandler(r, logger, db)).MethodByName(name)
		if !method.IsValid() {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		out, ok := method.Call(nil)[0].Interface().(localkms.Response)
		if !ok {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(out.Code)
		fmt.Fprint(w, out.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestConformanceLocalKMS(t *testing.T) {
	isolate(t)
	endpoint := startLocalKMS(t)
	for spec, gaps := range map[types.KeySpec]map[string]string{
		types.KeySpecSymmetricDefault: localKMSGaps,
		types.KeySpecRsa2048:          nil,
	} {
		t.Run(string(spec), func(t *testing.T) {
			hsmtest.Run(t, hsmtest.Harness{
				Open:          opener(localKey(t, endpoint, spec)),
				Other:         opener(localKey(t, endpoint, spec)),
				ContextInside: spec != types.KeySpecSymmetricDefault,
				Sample:        24,
				Gaps:          gaps,
			})
		})
	}
}

// localKey makes a key and returns its URI.
func localKey(t *testing.T, endpoint string, spec types.KeySpec) string {
	t.Helper()
	s := settings{key: keyARN{region: "eu-west-2"}, endpoint: endpoint, timeout: hsm.DefaultTimeout}
	cfg, err := loadConfig(t.Context(), s, httpClient(s.timeout))
	if err != nil {
		t.Fatal(err)
	}
	client, err := newClient(cfg, s, s.key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	if err != nil {
		t.Fatal(err)
	}
	return "awskms:///" + aws.ToString(out.KeyMetadata.Arn) + "?endpoint=" + endpoint
}
