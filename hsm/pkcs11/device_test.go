//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	userPIN = "user-pin-1234"
	soPIN   = "so-pin-123456"
)

// softHSM is where distributions put the module.
var softHSM = []string{
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",
}

var softoken = []string{
	"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
	"/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
	"/usr/lib64/libsoftokn3.so",
}

// TestMain gives the whole process one SoftHSM configuration: the library reads
// the variable when it is initialised, and a process has one environment.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	os.Setenv("NSS_MAX_MP_PBE_ITERATION_COUNT", "1") // NSS derives a key from the PIN for every use of a private key
	return m.Run()
}

// need returns the first of paths that exists. What CI cannot do without, it
// does not skip. With -short every test that needs one is skipped.
func need(t testing.TB, paths ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: uses a real PKCS#11 module")
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
		if p, err := exec.LookPath(p); err == nil {
			return p
		}
	}
	const say = "%s is missing: run hsm/pkcs11/testdata/install.sh"
	if os.Getenv("CI") == "true" {
		t.Fatalf(say, paths[0])
	}
	t.Skipf(say, paths[0])
	return ""
}

func execute(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	// Renamed into place: the shim may be reading.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// A device is a token of its own, behind a module of its own.
type device struct {
	t       testing.TB
	module  string
	token   string
	query   string
	profile string // x-profile, "" for detection
}

var tokens atomic.Int64

// newToken initialises a SoftHSM token, and returns a device with a private
// copy of the library: the loader takes it for another one, so that it has a
// state of its own, and tests do not finalise each other's.
func newToken(t testing.TB) *device {
	t.Helper()
	library := need(t, softHSM...)
	util := need(t, "softhsm2-util")
	label := fmt.Sprintf("token-%d", tokens.Add(1)) // unique also under -count
	execute(t, util, "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", userPIN)
	dir := t.TempDir()
	copied := filepath.Join(dir, "libsofthsm2.so")
	execute(t, "cp", "-L", library, copied)
	pin := write(t, filepath.Join(dir, "pin"), userPIN+"\n")
	return &device{t: t, module: copied, token: label, query: "&pin-source=file:" + pin}
}

// shim compiles testdata/shim, once.
var shim = sync.OnceValues(func() (string, error) {
	headers, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		return "", err
	}
	built := filepath.Join(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "shim.so")
	out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
		"-I", strings.TrimSpace(string(headers)), "-o", built, "testdata/shim/shim.c", "-ldl", "-pthread").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

// newShim puts the shim before a new token, in the given mode.
func newShim(t testing.TB, mode string, more ...string) *device {
	t.Helper()
	need(t, "cc")
	d := newToken(t)
	built, err := shim()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(d.module)
	module := filepath.Join(dir, mode+".so")
	execute(t, "cp", built, module)
	write(t, module+".conf", fmt.Sprintf("real %s\nmode %s\n%s\n", d.module, mode, strings.Join(more, "\n")))
	d.module = module
	if mode != "plain" {
		d.profile = mode
	}
	if mode == "cloudhsm" {
		write(t, filepath.Join(dir, "pin"), "crypto-user:"+userPIN+"\n")
	}
	return d
}

// uri names a key of the device.
func (d *device) uri(object string, query ...string) string {
	if d.profile != "" {
		query = append(query, "&x-profile="+d.profile)
	}
	return fmt.Sprintf("pkcs11:token=%s;object=%s?module-path=%s%s%s", d.token, object, d.module, d.query, strings.Join(query, ""))
}

// kek makes a KEK and returns a function that opens it.
func (d *device) kek(object string, query ...string) func(testing.TB) hsm.Provider {
	d.t.Helper()
	if _, err := CreateKEK(context.Background(), d.uri(object, query...)); err != nil {
		d.t.Fatal(err)
	}
	return func(t testing.TB) hsm.Provider { return open(t, d.uri(object, query...)) }
}

func open(t testing.TB, uri string) *provider {
	t.Helper()
	p, _, err := Open(context.Background(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.(*provider).Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p.(*provider)
}

var faults int

// fail sets the shim's fault, in the language of testdata/shim/shim.c; "" heals
// it.
func (d *device) fail(fault string) {
	d.t.Helper()
	if fault != "" {
		faults++
		fault = fmt.Sprintf("%d %s\n", faults, fault)
	}
	write(d.t, d.module+".fault", fault)
}

// calls returns how often the shim has seen function, since the device was
// made.
func (d *device) calls(function string) int {
	d.t.Helper()
	log, err := os.ReadFile(d.module + ".log")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(log)) {
		if strings.TrimSpace(line) == function {
			n++
		}
	}
	return n
}

func newContext(t testing.TB, pairs ...string) hsm.EncryptionContext {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	ec, err := hsm.NewEncryptionContext(m)
	if err != nil {
		t.Fatal(err)
	}
	return ec
}
