package services

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// conformance is where "make connect" puts the suite.
const conformance = "../../../build/connect"

// TestConnectConformance runs the conformance suite of Connect, gRPC and
// gRPC-Web: its client calls its server through Envoy, with a field sealed on
// the way to the server and opened on the way back.
func TestConnectConformance(t *testing.T) {
	envoytest.Path(t)
	bin, err := filepath.Abs(filepath.Join(conformance, "bin"))
	must(t, err)
	if _, err := os.Stat(bin); err != nil {
		const how = "no conformance suite of Connect: run `make connect`"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	dir, err := os.MkdirTemp("", "connect")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	compileConformance(t, filepath.Join(dir, "schema.binpb"))
	t.Setenv("CONFORMANCE_SCHEMA", "../"+filepath.Base(dir)+"/schema.binpb") // beside the folder of the policy
	s := new(stack)
	p := s.serve(t, "connect.yaml")
	for version := 1; version <= 2; version++ {
		file := filepath.Join(dir, "port"+strconv.Itoa(version))
		o := bootstrap.Options{Upstream: forward(t, file), HTTP2: version == 2}
		o.Listen, o.Admin = envoytest.Addresses(t)
		b, err := bootstrap.New(p, o)
		must(t, err)
		_, port, _ := strings.Cut(envoytest.Start(t, b).URL[len("http://"):], ":")
		t.Setenv("CONFORMANCE_ENVOY"+strconv.Itoa(version), port)
		t.Setenv("CONFORMANCE_FILE"+strconv.Itoa(version), file)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	suite := exec.Command("connectconformance", "--mode", "server", "--max-servers", "1", "--conf", "testdata/connect-suite.yaml",
		"--known-failing", "@testdata/connect-failing.txt", "--known-flaky", "@testdata/connect-refused.txt", "--", "conformance-server")
	out, err := suite.CombinedOutput()
	t.Logf("%s", out)
	must(t, err)
}

// compileConformance writes the descriptors of the suite's service.
func compileConformance(t *testing.T, to string) {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{filepath.Join(conformance, "proto")}})}
	files, err := c.Compile(t.Context(), "connectrpc/conformance/v1/service.proto")
	must(t, err)
	var set descriptorpb.FileDescriptorSet
	added := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if added[f.Path()] {
			return
		}
		added[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range files {
		add(f)
	}
	b, err := proto.Marshal(&set)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// forward returns an address that leads to the port whose number is in file: a
// server of the suite has a port of its own.
func forward(t *testing.T, file string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	pass := func(from net.Conn) {
		defer from.Close()
		port, err := os.ReadFile(file)
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", "127.0.0.1:"+string(port))
		if err != nil {
			return
		}
		defer to.Close()
		ended := make(chan struct{}, 2)
		half := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.(*net.TCPConn).CloseWrite()
			ended <- struct{}{}
		}
		go half(to, from)
		go half(from, to)
		<-ended
		<-ended
	}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go pass(from)
		}
	}()
	return l.Addr().String()
}

// conformanceServer is what the suite runs as its server: the suite's own
// server, whose answer says where Envoy is.
func conformanceServer() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	asked, err := readDelimited(os.Stdin)
	if err != nil {
		return err
	}
	version := "1"
	if v, ok := number(asked, 2); ok {
		version = strconv.FormatUint(v, 10)
	}
	server := exec.CommandContext(ctx, "referenceserver")
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.Stdin, server.Stderr = strings.NewReader(delimited(asked)), os.Stderr
	answer, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	said, err := readDelimited(answer)
	if err != nil {
		return err
	}
	port, _ := number(said, 2)
	if err := os.WriteFile(os.Getenv("CONFORMANCE_FILE"+version), strconv.AppendUint(nil, port, 10), 0o600); err != nil {
		return err
	}
	envoy, err := strconv.ParseUint(os.Getenv("CONFORMANCE_ENVOY"+version), 10, 16)
	if err != nil {
		return err
	}
	reply := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "127.0.0.1")
	reply = protowire.AppendVarint(protowire.AppendTag(reply, 2, protowire.VarintType), envoy)
	fmt.Print(delimited(reply))
	_ = os.Stdout.Sync()
	_ = server.Wait() // the suite ends it
	return nil
}

// delimited is a message with its length before it.
func delimited(m []byte) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(m)))) + string(m)
}

func readDelimited(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}

// number returns the varint of a field.
func number(m []byte, field protowire.Number) (v uint64, ok bool) {
	for len(m) > 0 {
		num, typ, n := protowire.ConsumeTag(m)
		if n < 0 {
			return 0, false
		}
		m = m[n:]
		if num == field && typ == protowire.VarintType {
			v, n = protowire.ConsumeVarint(m)
			return v, n > 0
		}
		if n = protowire.ConsumeFieldValue(num, typ, m); n < 0 {
			return 0, false
		}
		m = m[n:]
	}
	return 0, false
}
