package transit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
)

const maxSecretFile = 64 << 10 // bytes

// A credential gives the token: fixed text from the environment, a file, or a
// login. Safe for concurrent use.
type credential struct {
	fixed string
	file  string
	login *login
}

func (s *settings) credential(logins *Logins, base, namespace string) (*credential, error) {
	if file := s.text["token-file"]; file != "" {
		return &credential{file: file}, nil
	}
	if s.text["auth"] != "" {
		l, err := logins.login(s, base, namespace)
		return &credential{login: l}, err
	}
	token := environment("TOKEN")
	if token == "" {
		return nil, errors.New("no token: name a file by token-file, or log in by auth, or set VAULT_TOKEN")
	}
	return &credential{fixed: token}, validToken(token, "VAULT_TOKEN")
}

// get returns a token. From a login it is a newer token than refused.
func (t *credential) get(ctx context.Context, c *client, refused string) (string, error) {
	switch {
	case t.login != nil:
		return t.login.get(ctx, c, refused)
	case t.file != "":
		return readToken(t.file)
	}
	return t.fixed, nil
}

// readToken reads a file that holds a token.
func readToken(file string) (string, error) {
	secret, err := readSecret(file)
	if err != nil {
		return "", err
	}
	return secret, validToken(secret, file)
}

// readSecret returns the text of a file without white space at the end.
func readSecret(file string) (string, error) {
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecretFile) {
		err = fmt.Errorf("%s is not a file of a secret's size", file)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", err
	}
	defer clear(text)
	secret := string(bytes.TrimRight(text, " \t\r\n"))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}

// validToken returns an error, which never shows token, if token may not be in
// a header.
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
