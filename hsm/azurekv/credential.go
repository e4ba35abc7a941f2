package azurekv

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// maxSecretFile is the longest file of a secret or certificate that is read, in
// bytes.
const maxSecretFile = 64 << 10

// tokens gives tokens to the SDK's pipeline. It makes the credential again when
// its file changes, and when the vault refused a token: the SDK would return
// the refused token until it expires. Safe for concurrent use.
type tokens struct {
	c       *client
	make    func(secret []byte) (azcore.TokenCredential, error)
	file    string // of the secret; "" where there is none
	managed bool

	mu    sync.Mutex
	seen  []byte
	cred  azcore.TokenCredential
	fresh bool // the next token is not to be one of the SDK's cache
}

// GetToken implements [azcore.TokenCredential]. Every error is an [*hsm.Error],
// since the SDK's errors quote answers. It waits at most for ctx, and for three
// tries.
func (t *tokens) GetToken(ctx context.Context, asked policy.TokenRequestOptions) (azcore.AccessToken, error) {
	cred, fresh, err := t.credential()
	if err != nil {
		return azcore.AccessToken{}, t.c.fail(hsm.Unavailable, "GetToken", err, hintCredentials)
	}
	var last error
	watched := hsm.WithObserver(ctx, func(call hsm.Call) {
		last = call.Err
		hsm.Observe(ctx, call)
	})
	if fresh {
		asked.Claims = "{}" // passes the cache by, which all managed identities of the process share
	}
	token, err := cred.GetToken(watched, asked)
	failed, answered := errors.AsType[*hsm.Error](last)
	switch {
	case err == nil:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.fresh = t.fresh && t.cred != cred
		return token, nil
	case ctx.Err() != nil:
		failed = t.c.fail(hsm.Unavailable, "GetToken", ctx.Err(), "")
	case !answered:
		failed = t.c.fail(hsm.Unavailable, "GetToken", errNoToken, hintCredentials)
	}
	return azcore.AccessToken{}, failed
}

var errNoToken = errors.New("the credential gives no token")

func (t *tokens) credential() (cred azcore.TokenCredential, fresh bool, err error) {
	secret, err := readSecret(t.file)
	if err != nil {
		return nil, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cred == nil || !bytes.Equal(t.seen, secret) {
		if t.cred, err = t.make(secret); err != nil {
			t.cred = nil
			return nil, false, err
		}
		t.seen, t.fresh = secret, t.managed
	}
	return t.cred, t.fresh, nil
}

// forget makes a new credential fetch the next token.
func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cred = nil
}

// readSecret returns the bytes of a file without white space at the end.
func readSecret(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecretFile) {
		return nil, fmt.Errorf("%s is not a file of a secret's size", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if text = bytes.TrimRight(text, " \t\r\n"); len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	return text, nil
}

// newTokens makes the credential that s or the environment names. It makes no
// request.
func newTokens(c *client, s settings) (*tokens, error) {
	if err := s.checkEnvironment(); err != nil {
		return nil, err
	}
	kind := s.text["credential"]
	if kind == "" {
		kind = s.detect()
	}
	o := c.options(s, "GetToken", c.classifyLogin)
	t := &tokens{c: c, managed: kind == "managed"}
	who := identity{
		tenant: cmp.Or(s.text["tenant-id"], os.Getenv("AZURE_TENANT_ID")),
		client: cmp.Or(s.text["client-id"], os.Getenv("AZURE_CLIENT_ID")),
	}
	switch kind {
	case "secret":
		t.file = s.text["client-secret-file"]
		t.make = func(b []byte) (azcore.TokenCredential, error) { return who.secret(b, o) }
	case "certificate":
		t.file = cmp.Or(s.text["client-certificate-file"], os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH"))
		t.make = func(b []byte) (azcore.TokenCredential, error) { return who.certificate(b, o) }
	case "workload":
		t.make = func([]byte) (azcore.TokenCredential, error) { return who.workload(o) }
	case "managed":
		t.make = func([]byte) (azcore.TokenCredential, error) { return who.managed(o) }
	default:
		t.make = func([]byte) (azcore.TokenCredential, error) { return developer(kind, s.text["tenant-id"]) }
	}
	_, _, err := t.credential() // what is missing is found at the start
	return t, err
}

// detect returns the first credential whose variables the environment has.
func (s *settings) detect() string {
	switch {
	case s.text["client-secret-file"] != "":
		return "secret"
	case s.text["client-certificate-file"] != "":
		return "certificate"
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		return "workload"
	case os.Getenv("AZURE_CLIENT_SECRET") != "":
		return "secret"
	case os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH") != "":
		return "certificate"
	}
	return "managed"
}

// An identity says who asks for a token.
type identity struct{ tenant, client string }

func (who identity) check() error {
	if !uuidForm.MatchString(who.tenant) || !uuidForm.MatchString(who.client) {
		return errors.New("no tenant-id and client-id, nor AZURE_TENANT_ID and AZURE_CLIENT_ID")
	}
	return nil
}

func (who identity) secret(file []byte, o azcore.ClientOptions) (azcore.TokenCredential, error) {
	secret := cmp.Or(string(file), os.Getenv("AZURE_CLIENT_SECRET"))
	if err := who.check(); err != nil {
		return nil, err
	}
	if secret == "" {
		return nil, errors.New("no client-secret-file, nor AZURE_CLIENT_SECRET")
	}
	return azidentity.NewClientSecretCredential(who.tenant, who.client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
}

func (who identity) certificate(file []byte, o azcore.ClientOptions) (azcore.TokenCredential, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	certs, key, err := azidentity.ParseCertificates(file, []byte(os.Getenv("AZURE_CLIENT_CERTIFICATE_PASSWORD")))
	if err != nil {
		return nil, errors.New("the client certificate's file holds no certificate and key in PEM or PKCS#12, or its password is wrong")
	}
	chain := strings.ToLower(os.Getenv("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"))
	return azidentity.NewClientCertificateCredential(who.tenant, who.client, certs, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: o, DisableInstanceDiscovery: true, SendCertificateChain: chain == "1" || chain == "true",
	})
}

func (who identity) workload(o azcore.ClientOptions) (azcore.TokenCredential, error) {
	file := os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	if err := who.check(); err != nil {
		return nil, err
	}
	if _, err := readSecret(file); err != nil || file == "" {
		return nil, errors.Join(errors.New("AZURE_FEDERATED_TOKEN_FILE names no token"), err)
	}
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: o, ClientID: who.client, TenantID: who.tenant, TokenFilePath: file, DisableInstanceDiscovery: true,
	})
}

func (who identity) managed(o azcore.ClientOptions) (azcore.TokenCredential, error) {
	if os.Getenv("IDENTITY_SERVER_THUMBPRINT") != "" {
		o.Transport = &http.Client{Transport: guard.Transport()} // Service Fabric: the SDK pins a certificate on it
	}
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
	if who.client != "" {
		options.ID = azidentity.ClientID(who.client)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// developer runs a program of this machine to get a token. Only a URI can ask
// for that: an environment could name another program.
func developer(kind, tenant string) (azcore.TokenCredential, error) {
	switch kind {
	case "azure-cli":
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: tenant})
	case "azure-developer-cli":
		return azidentity.NewAzureDeveloperCLICredential(&azidentity.AzureDeveloperCLICredentialOptions{TenantID: tenant})
	}
	return azidentity.NewAzurePowerShellCredential(&azidentity.AzurePowerShellCredentialOptions{TenantID: tenant})
}
