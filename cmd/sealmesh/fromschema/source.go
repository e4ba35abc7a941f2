package fromschema

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/sealmesh/sealmesh/proxy/policy/apischema"
)

// A source is a file that rules are written from.
type source struct {
	file string
	hash [sha256.Size]byte
}

// A protoReader reads .proto files below some folders, and remembers them.
type protoReader struct {
	folders []string
	read    []source
}

// compile makes a FileDescriptorSet of .proto files, with all that they import.
func (r *protoReader) compile(ctx context.Context, files []string) ([]byte, error) {
	names := make([]string, len(files))
	for i, f := range files {
		var err error
		if names[i], err = r.name(f); err != nil {
			return nil, err
		}
	}
	c := protocompile.Compiler{
		MaxParallelism: 1, // the order of r.read is then always the same
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: r.folders, Accessor: r.open},
			&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{apischema.TagFile: apischema.TagProto()})},
		}),
	}
	compiled, err := c.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	added := map[string]bool{}
	for _, f := range compiled {
		add(&set, added, f)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&set)
}

// add adds a file to a set, behind what it imports.
func add(set *descriptorpb.FileDescriptorSet, added map[string]bool, f protoreflect.FileDescriptor) {
	if added[f.Path()] {
		return
	}
	added[f.Path()] = true
	for i := range f.Imports().Len() {
		add(set, added, f.Imports().Get(i).FileDescriptor)
	}
	set.File = append(set.File, protoutil.ProtoFromFileDescriptor(f))
}

// name returns the name by which others import a file.
func (r *protoReader) name(file string) (string, error) {
	for _, folder := range r.folders {
		if name, err := filepath.Rel(folder, file); err == nil && name != ".." && !strings.HasPrefix(name, ".."+string(filepath.Separator)) {
			return filepath.ToSlash(name), nil
		}
	}
	return "", fmt.Errorf("%s: in none of the folders of --proto-path", file)
}

// open reads a file, and notes it.
func (r *protoReader) open(file string) (io.ReadCloser, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r.read = append(r.read, source{file, sha256.Sum256(src)})
	return io.NopCloser(bytes.NewReader(src)), nil
}
