package transit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// A credential is where the token comes from: one of a fixed text (from the
// environment), a file, or a login. Safe for concurrent use.
type credential struct {
	fixed string
	file  string
	login *login
}

// A login keeps the token of the last login until two thirds of its lease have
// passed.
type login struct {
	path  string                 // below v1/
	body  func() ([]byte, error) // made anew for each login, from files that rotate
	turn  chan struct{}          // holds one: whoever takes it may touch what follows
	token string
	until time.Time // zero: for ever
}

func (s *settings) credential() (*credential, error) {
	if file := s.text["token-file"]; file != "" {
		return &credential{file: file}, nil
	}
	method := s.text["auth"]
	if method == "" {
		token := environment("TOKEN")
		if token == "" {
			return nil, errors.New("no token: name a file by token-file, or log in by auth, or set VAULT_TOKEN")
		}
		return &credential{fixed: token}, validToken(token, "VAULT_TOKEN")
	}
	l := &login{path: "auth/" + cmp.Or(s.text["auth-mount"], method) + "/login", turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	secret, file := "secret_id", s.text["secret-id-file"]
	role := "role_id"
	if method == "kubernetes" {
		role, secret, file = "role", "jwt", cmp.Or(s.text["jwt-file"], serviceAccountToken)
	}
	l.body = func() ([]byte, error) {
		value, err := readToken(file)
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]string{role: s.text["role"], secret: value})
	}
	return &credential{login: l}, nil
}

// get returns a token; where that is one of a login, another one than refused.
func (t *credential) get(ctx context.Context, c *client, refused string) (string, error) {
	switch {
	case t.login != nil:
		return t.login.get(ctx, c, refused)
	case t.file != "":
		return readToken(t.file)
	}
	return t.fixed, nil
}

func (l *login) get(ctx context.Context, c *client, refused string) (string, error) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: "login", KeyID: c.keyID, Err: ctx.Err()}
	}
	if l.token != "" && l.token != refused && (l.until.IsZero() || time.Now().Before(l.until)) {
		return l.token, nil
	}
	body, err := l.body()
	if err != nil {
		return "", err
	}
	defer clear(body)
	var out struct {
		Auth struct {
			Token string        `json:"client_token"`
			Lease time.Duration `json:"lease_duration"` // seconds
		} `json:"auth"`
	}
	began := time.Now()
	if err := c.withoutToken(ctx, request{operation: "login", method: http.MethodPost, path: l.path, body: body}, &out); err != nil {
		return "", err
	}
	if err := validToken(out.Auth.Token, "the login's answer"); err != nil {
		return "", err
	}
	l.token, l.until = out.Auth.Token, time.Time{}
	if lease := out.Auth.Lease * time.Second; lease > 0 {
		l.until = began.Add(lease * 2 / 3)
	}
	return l.token, nil
}

// readToken reads a file that holds a token, or what is given for one.
func readToken(file string) (string, error) {
	secret, err := rest.ReadSecret(file)
	if err != nil {
		return "", err
	}
	return secret, validToken(secret, file)
}

// validToken says whether token may stand in a header. It never shows it.
func validToken(token, source string) error {
	if token == "" {
		return fmt.Errorf("%s holds no token", source)
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b >= 0x7f {
			return fmt.Errorf("%s holds what cannot be a token", source)
		}
	}
	return nil
}
