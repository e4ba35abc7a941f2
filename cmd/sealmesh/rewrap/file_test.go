package rewrap

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// fileOptions are of a job from one file to another in a folder of their own.
func fileOptions(t *testing.T, input string) options {
	t.Helper()
	dir := t.TempDir()
	opt := options{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out"), key: "k"}
	must(t, os.WriteFile(opt.in, []byte(input), 0o600))
	return opt
}

// runFiles runs a job that finds no envelope, and returns what it reports.
func runFiles(t *testing.T, opt options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	j := &job{opt: opt, limit: 1 << 10, report: newProgress(&out, "envelope"), change: new(rewrap.Rewrapper).Rewrap}
	err := j.run(t.Context(), nil, nil)
	return out.String(), err
}

// A job that was killed at its end, at whichever step of that, is finished when
// it is begun again, and reports what the first one found.
func TestRewrapKilledAtItsEnd(t *testing.T) {
	for name, steps := range map[string]func(*fileJob) error{
		"before the state": func(*fileJob) error { return nil },
		"before the name": func(j *fileJob) error {
			j.state.Done = true
			return j.save(5, counts{Seen: 7})
		},
		"before the report": func(j *fileJob) error { return j.finish(5, counts{Seen: 7}) },
	} {
		opt := fileOptions(t, "input")
		f, err := openFileJob(opt)
		must(t, err)
		_, err = f.out.WriteString("input")
		must(t, errors.Join(err, steps(f), f.close()))
		report, err := runFiles(t, opt)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := "7 envelopes"; name != "before the state" && !strings.Contains(report, want) {
			t.Errorf("%s: %q, want %q", name, report, want)
		}
		if got := read(t, opt.out); got != "input" {
			t.Errorf("%s: %q", name, got)
		}
		if exists(opt.out+".state") || exists(opt.out+".partial") {
			t.Errorf("%s: something is left", name)
		}
		if _, err := runFiles(t, opt); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("%s: once more: %v", name, err)
		}
	}
}

// An output that is not what the state says, or of another job, is never taken
// for finished.
func TestRewrapNotFinished(t *testing.T) {
	for name, change := range map[string]func(opt *options) error{
		"another length": func(opt *options) error { return os.WriteFile(opt.out, []byte("more than that"), 0o600) },
		"another job":    func(opt *options) error { opt.drop = []string{"local:old"}; return nil },
		"another input":  func(opt *options) error { return os.WriteFile(opt.in, []byte("more than that"), 0o600) },
		"a job under way": func(opt *options) error {
			return os.WriteFile(opt.out+".partial", []byte("inp"), 0o600)
		},
	} {
		opt := fileOptions(t, "input")
		f, err := openFileJob(opt)
		must(t, err)
		_, err = f.out.WriteString("input")
		must(t, errors.Join(err, f.finish(5, counts{}), f.close(), change(&opt)))
		if _, err := runFiles(t, opt); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two jobs do not write one output.
func TestRewrapOneJobAtATime(t *testing.T) {
	opt := fileOptions(t, "input")
	f, err := openFileJob(opt)
	must(t, err)
	if _, err := runFiles(t, opt); err == nil || !strings.Contains(err.Error(), "another rewrap is using it") {
		t.Errorf("a second job: %v", err)
	}
	must(t, f.close())
	_, err = runFiles(t, opt)
	must(t, err)
}

// A job that comes for the output just when another has given it its name
// leaves nothing behind.
func TestRewrapAfterAnother(t *testing.T) {
	opt := fileOptions(t, "input")
	must(t, os.WriteFile(opt.out, []byte("output"), 0o600))
	j := &fileJob{target: opt.out}
	if err := j.lock(); err == nil || !strings.Contains(err.Error(), "just finished") {
		t.Errorf("error %v", err)
	}
	if exists(opt.out+".partial") || read(t, opt.out) != "output" {
		t.Error("it left something, or changed the output")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}
