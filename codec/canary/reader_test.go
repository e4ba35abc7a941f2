package canary

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A reading is one value that a reader has read, and where: a path of names
// (string) and indexes (float64, as in JSON).
type reading struct {
	path  []any
	value string
}

// UnmarshalJSON reads [path, value].
func (r *reading) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&r.path, &r.value}) }

// A reader reads bodies as an application does.
type reader struct {
	name string
	read func(t *testing.T, bodies [][]byte) [][]reading
}

// installed is where "make canary-readers" puts the readers.
const installed = "../../build/canary"

// requireReaders skips the test if the readers are not installed, or fails in
// CI.
func requireReaders(t *testing.T) {
	if _, err := os.Stat(filepath.Join(installed, "compiled")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no readers: run make canary-readers: %v", err)
		}
		t.Skipf("no readers: run make canary-readers: %v", err)
	}
}

// python, node, java, goSSE, php and ruby are readers of the folders below
// readers. Each is one process, which lives as long as the test. They are named
// by their way, and have an argument: a content type, or a file.
func python(t *testing.T, way, arg string) reader {
	return process(t, "python "+way, filepath.Join(installed, "venv", "bin", "python"), "readers/python/reader.py", way, arg)
}

func node(t *testing.T, way, arg string) reader {
	return process(t, "node "+way, "node", "readers/node/reader.js", way, arg)
}

func java(t *testing.T, way, arg string) reader {
	at := filepath.Join(installed, "java")
	if _, err := os.Stat(filepath.Join(at, "Reader.class")); err != nil {
		return missing(t, "java "+way, err, os.Getenv("CI") == "true")
	}
	return process(t, "java "+way, "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", at+":"+at+"/lib/*", "Reader", way, arg)
}

func goSSE(t *testing.T) reader { return process(t, "go-sse", filepath.Join(installed, "go-sse")) }

func php(t *testing.T, way string) reader {
	if _, err := exec.LookPath("php"); err != nil {
		return missing(t, "php "+way, err, false)
	}
	return process(t, "php "+way, "php", "readers/php/reader.php", way)
}

func ruby(t *testing.T, way, arg string) reader {
	if _, err := exec.LookPath("ruby"); err != nil {
		return missing(t, "ruby "+way, err, false)
	}
	return process(t, "ruby "+way, "ruby", "readers/ruby/reader.rb", way, arg)
}

// missing leaves a reader out that is not installed. A run of "make canary" has
// all of them.
func missing(t *testing.T, name string, err error, required bool) reader {
	t.Helper()
	if required || os.Getenv("CANARY_BODIES") != "" {
		t.Fatalf("no %s: run make canary: %v", name, err)
	}
	t.Logf("without %s: %v", name, err)
	return reader{}
}

func process(t *testing.T, name, program string, args ...string) reader {
	t.Helper()
	modules, err := filepath.Abs(filepath.Join(installed, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s took %.1f s of a processor", name, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	})
	replies := bufio.NewReaderSize(stdout, 1<<16)
	return reader{name, func(t *testing.T, bodies [][]byte) [][]reading {
		t.Helper()
		sent := make(chan error, 1)
		go func() { sent <- send(stdin, bodies) }()
		all := make([][]reading, len(bodies))
		for i := range bodies {
			if err := receive(replies, &all[i]); err != nil {
				t.Errorf("%s at %q: %v", name, bodies[i], err)
				return nil
			}
		}
		if err := <-sent; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return all
	}}
}

func send(to io.Writer, bodies [][]byte) error {
	w := bufio.NewWriterSize(to, 1<<16)
	for _, b := range bodies {
		if err := binary.Write(w, binary.BigEndian, uint32(len(b))); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

func receive(from io.Reader, to *[]reading) error {
	var n uint32
	if err := binary.Read(from, binary.BigEndian, &n); err != nil {
		return err
	}
	reply := make([]byte, n)
	if _, err := io.ReadFull(from, reply); err != nil {
		return err
	}
	return json.Unmarshal(reply, to)
}

// inProcess is a reader of Go, in this process.
func inProcess(name string, read func(body []byte) []reading) reader {
	return reader{"go " + name, func(_ *testing.T, bodies [][]byte) [][]reading {
		all := make([][]reading, len(bodies))
		for i, b := range bodies {
			all[i] = recovered(read, b)
		}
		return all
	}}
}

// recovered returns what read reads, or nothing where it panics, as a server
// sees to it: dynamicpb does at the entry of a map that has two keys, the
// second of another wire type.
func recovered(read func(body []byte) []reading, body []byte) (all []reading) {
	defer func() {
		if recover() != nil {
			all = nil
		}
	}()
	return read(body)
}
