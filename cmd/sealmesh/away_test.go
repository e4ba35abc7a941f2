package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/health"

	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// twoKEKs writes a policy whose key has a local KEK and that of uri.
func twoKEKs(t *testing.T, uri, more string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, local.Create(filepath.Join(dir, "kek")))
	file, verb := filepath.Join(dir, "policy.yaml"), "seal"
	if strings.Contains(more, "use: open") {
		verb = "open"
	}
	must(t, os.WriteFile(file, []byte(fmt.Sprintf(`version: 1
listen: unix://%s/s
admin: unix://%s/a
metrics: none
keys: {main: {kek: ["local:kek", %q]%s}, other: {kek: "local:kek"}}
tags: {pii: {key: main}, too: {key: other}}
routes: [{name: r, match: {path: /r}, request: {%s: {$.a: pii, $.b: too}}}]
`, dir, dir, uri, more, verb)), 0o600))
	return file
}

// A KEK that is away stops no start that can seal to quorum. It is said loudly, and when
// it is back its key has it, and other keys do not notice.
func TestStartWithAKEKAway(t *testing.T) {
	k := newRoughKMS(t)
	setenv(t, awsEnv)
	must(t, k.proxy.Disable())
	var logs bytes.Buffer
	r := newReloader(t, twoKEKs(t, k.uri, ", quorum: 1"), slog.New(slog.NewJSONHandler(&logs, nil)))
	see := func(path, want string, is bool) {
		t.Helper()
		w := httptest.NewRecorder()
		(&admin{reload: r, recorder: r.recorder, ready: health.NewServer()}).handler(t.Context()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if strings.Contains(w.Body.String(), want) != is {
			t.Errorf("%s: %q is %t: %s", path, want, !is, w.Body)
		}
	}
	see("/metrics", `sealmesh_keks_away{key="main"} 1`, true)
	see("/readyz", "ready\nkey main: 1 KEK away\n", true)
	see("/keys", `"last_operation": "open"`, true)
	if !strings.Contains(logs.String(), `"level":"ERROR","msg":"a KEK is away`) {
		t.Errorf("log: %s", &logs)
	}

	r.tryAway(t.Context()) // in vain
	see("/metrics", `sealmesh_keks_away{key="main"} 1`, true)
	must(t, k.proxy.Enable())
	other := callsOf(r.keys, "other")
	r.tryAway(t.Context())
	see("/metrics", `sealmesh_keks_away{key="main"} 0`, true)
	see("/readyz", "away", false)
	see("/keys", `"wraps": 2`, true)
	see("/keys", `"last_vouched_at"`, true)
	see("/keys", `"revoking": "a KEK that is disabled, deleted or denied stops the key within 5m0s`, true)
	if n := callsOf(r.keys, "other"); n != other {
		t.Errorf("%d calls for another key", n-other)
	}
	if !strings.Contains(logs.String(), `"msg":"a KEK is back"`) {
		t.Errorf("log: %s", &logs)
	}
}

// TestRefusedLoginIsNotTriedAgain: a KEK that is away since Vault refused its secret id is
// tried every half minute, and the secret id is not sent again: it would lock the role.
func TestRefusedLoginIsNotTriedAgain(t *testing.T) {
	s := transitfake.Start()
	t.Cleanup(s.Close)
	s.AllowLogin(transitfake.Login{Method: "approle", Role: "sealmesh", Secret: "right", Caps: []string{"*"}})
	s.CreateKey("customers", transitfake.Key{})
	dir := t.TempDir()
	ca, err := s.WriteCA(dir)
	must(t, err)
	secret := filepath.Join(dir, "secret-id")
	must(t, os.WriteFile(secret, []byte("wrong"), 0o600))
	uri := "transit://" + s.Host() + "/transit/customers?auth=approle&role=sealmesh&secret-id-file=" + secret + "&ca-file=" + ca
	r := newReloader(t, twoKEKs(t, uri, ", quorum: 1"), slog.New(slog.DiscardHandler))
	for range 3 {
		r.tryAway(t.Context())
	}
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests with a secret id that was refused, want 1", n)
	}
	must(t, os.WriteFile(secret, []byte("right"), 0o600))
	r.tryAway(t.Context())
	if away := r.keys.of(r.server.Runtime().Policy())[0].Unavailable; len(away) != 0 {
		t.Errorf("with a new secret id: %v", away)
	}
}

// What only an operator can mend is a start-up error whatever the quorum; so is an outage
// that leaves no quorum.
func TestNoStart(t *testing.T) {
	k := newRoughKMS(t)
	disabled := k.CreateKey(kmsfake.Key{})
	k.SetState(disabled, kmsfake.Disabled)
	endpoint := "?endpoint=" + url.QueryEscape(k.URL())
	gone := "?endpoint=" + url.QueryEscape("http://127.0.0.1:1")
	for name, c := range map[string]struct {
		uri, more string
		want      string // "" for a start
	}{
		"away":               {"awskms:///" + k.arn + gone, ", quorum: 1", ""},
		"away, opens only":   {"awskms:///" + k.arn + gone, ", quorum: 2, use: open", ""},
		"away, quorum 2":     {"awskms:///" + k.arn + gone, ", quorum: 2", "unavailable"},
		"disabled":           {"awskms:///" + disabled + endpoint, ", quorum: 1", "denied"},
		"not there":          {"awskms:///" + strings.Replace(k.arn, ":key/", ":key/0", 1) + endpoint, ", quorum: 1", "denied"},
		"not as required":    {"awskms:///" + k.arn + endpoint, ", quorum: 1, require: {origin: FILE}", "origin: want FILE, is AWS_KMS"},
		"away, and required": {"awskms:///" + k.arn + gone, ", quorum: 1, require: {origin: FILE}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, awsEnv)
			p, err := readPolicy(twoKEKs(t, c.uri, c.more))
			must(t, err)
			opened, err := openKeys(t.Context(), p.Keys, builtin.Options{Dir: filepath.Dir(file(p.Listen))})
			if c.want == "" {
				must(t, err)
				if len(opened[0].KEKs) != 1 || len(opened[0].Unavailable) != 1 {
					t.Errorf("%d KEKs, %d away", len(opened[0].KEKs), len(opened[0].Unavailable))
				}
				must(t, closeKeys(opened))
				return
			}
			if codeOf(err) != exitKey || !strings.Contains(err.Error(), "key main: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

func file(listen string) string { return strings.TrimPrefix(listen, "unix://") }

// keys verify tells of every KEK, and finds fault with one that is away though the
// quorum would have sealmesh start.
func TestVerifyTellsAll(t *testing.T) {
	k, err := kmsfake.Start()
	must(t, err)
	defer k.Close()
	disabled := k.CreateKey(kmsfake.Key{})
	k.SetState(disabled, kmsfake.Disabled)
	uri := "awskms:///" + disabled + "?endpoint=" + url.QueryEscape(k.URL())
	cmd := exec.Command("sealmesh", "keys", "verify", "-o", "json", "-c", twoKEKs(t, uri, ", quorum: 1"))
	cmd.Env = append(os.Environ(), awsEnv...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run()
	var lines []verified
	if err := json.Unmarshal(out.Bytes(), &lines); err != nil {
		t.Fatalf("%v: %s %s", err, &out, &errOut)
	}
	got := map[string]string{}
	for _, l := range lines {
		got[l.Key+" "+l.KEK] = l.Result
	}
	want := map[string]string{"main local:kek": "proven", "main " + uri: "denied", "other local:kek": "proven"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitKey || !strings.Contains(errOut.String(), "enable the key") {
		t.Errorf("exit %d: %s", code, &errOut)
	}
}
