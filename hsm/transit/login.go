package transit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	opLogin             = "login"
	serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

	// minTokenAge is the least age of a login's token before an "unknown token"
	// answer discards it: another node may not know a new token yet, and each
	// login may count against a secret id's uses.
	minTokenAge = 10 * time.Second

	// refusedFor is how long a login that Vault refused is not retried with the
	// same secret. That is three tries in Vault's 15 minutes, in which five lock
	// the role.
	refusedFor = 5 * time.Minute
)

// A method is one way to log in: the names of its fields, and the option that
// names the file of its secret.
type method struct{ role, secret, option string }

var methods = map[string]method{
	"approle":    {"role_id", "secret_id", "secret-id-file"},
	"kubernetes": {"role", "jwt", "jwt-file"},
	"jwt":        {"role", "jwt", "jwt-file"},
	"cert":       {"name", "", "cert-file"}, // the secret is TLS's
}

// A login is a session at the server: it logs in, lets the SDK's lifetime
// watcher renew the token, and logs in again before the token ends. Safe for
// concurrent use.
type login struct {
	path string                 // below v1/
	body func() ([]byte, error) // read again for each login, from files that rotate

	mu    sync.Mutex
	token string
	made  time.Time
	until time.Time // zero: for ever

	turn    chan struct{} // holds one: its taker may log in, and touch what follows
	refused *refusal
	unwatch context.CancelFunc // of the token's watch
}

// A refusal is Vault's refusal of a secret.
type refusal struct {
	secret [sha256.Size]byte
	at     time.Time
	err    *hsm.Error
}

func (s *settings) login() (*login, error) {
	name := s.text["auth"]
	m := methods[name]
	file := s.text[m.option]
	if name == "kubernetes" {
		file = cmp.Or(file, serviceAccountToken)
	}
	body := func() ([]byte, error) {
		fields := map[string]string{}
		if role := s.text["role"]; role != "" {
			fields[m.role] = role
		}
		if m.secret != "" {
			value, err := readToken(file)
			if err != nil {
				return nil, err
			}
			fields[m.secret] = value
		}
		return json.Marshal(fields)
	}
	if cert, _ := s.clientCertificate(); m.secret == "" && cert == "" {
		return nil, errors.New("option auth=cert needs cert-file and key-file")
	}
	return newLogin("auth/"+cmp.Or(s.text["auth-mount"], name)+"/login", body), nil
}

// Logins share logins between KEKs: KEKs of one role at one server that are
// opened through it share a token, and a refusal. Otherwise five KEKs with a
// wrong secret would lock their role at the first start. The zero value is
// ready to use. Safe for concurrent use.
type Logins struct {
	mu sync.Mutex
	of map[string]*login
}

func (l *Logins) login(s *settings, base, namespace string) (*login, error) {
	name := base + "\n" + namespace
	for _, option := range []string{"auth", "auth-mount", "role", "jwt-file", "secret-id-file", "ca-file", "cert-file", "key-file", "server-name"} {
		name += "\n" + s.text[option]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if shared := l.of[name]; shared != nil {
		return shared, nil
	}
	made, err := s.login()
	if err != nil {
		return nil, err
	}
	if l.of == nil {
		l.of = map[string]*login{}
	}
	l.of[name] = made
	return made, nil
}

func newLogin(path string, body func() ([]byte, error)) *login {
	l := &login{path: path, body: body, turn: make(chan struct{}, 1), unwatch: func() {}}
	l.turn <- struct{}{}
	return l
}

// get returns the token, or a newer token than refused.
func (l *login) get(ctx context.Context, c *client, refused string) (string, error) {
	if token, ok := l.serving(refused); ok {
		return token, nil
	}
	if err := l.take(ctx); err != nil {
		return "", &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: opLogin, KeyID: c.keyID, Err: err}
	}
	defer l.give()
	if token, ok := l.serving(refused); ok {
		return token, nil // another caller has logged in meanwhile
	}
	return l.logIn(ctx, c)
}

func (l *login) serving(refused string) (token string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	ok = l.token != "" && (l.until.IsZero() || now.Before(l.until)) && (l.token != refused || now.Sub(l.made) < minTokenAge)
	return l.token, ok
}

func (l *login) take(ctx context.Context) error {
	select {
	case <-l.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *login) give() { l.turn <- struct{}{} }

// logIn logs in. The caller has the turn. A secret that was refused is not sent
// again for a while.
func (l *login) logIn(ctx context.Context, c *client) (string, error) {
	body, err := l.body()
	if err != nil {
		return "", err
	}
	defer clear(body)
	sum := sha256.Sum256(body)
	if r := l.refused; r != nil && r.secret == sum && time.Since(r.at) < refusedFor {
		return "", r.err
	}
	began := time.Now()
	var got api.Secret
	a := c.attempts(ctx, request{operation: opLogin, method: http.MethodPost, path: l.path, body: body}, "", &got)
	if a.failed != nil {
		if a.failed.Class == hsm.Unclear {
			l.refused = &refusal{sum, time.Now(), a.failed}
		}
		return "", a.failed
	}
	if got.Auth == nil {
		return "", errors.New("the login's answer holds no token")
	}
	if err := validToken(got.Auth.ClientToken, "the login's answer"); err != nil {
		return "", err
	}
	l.refused = nil
	l.use(got.Auth, began)
	l.watch(c, &got)
	return got.Auth.ClientToken, nil
}

// use makes the token of auth the current one.
func (l *login) use(auth *api.SecretAuth, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token, l.made, l.until = auth.ClientToken, at, time.Time{}
	if auth.LeaseDuration > 0 {
		l.until = at.Add(time.Duration(auth.LeaseDuration) * time.Second)
	}
}
