package fromschema

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/policy/apischema"
)

// protobufOptions are the flags for descriptor sets and .proto files.
type protobufOptions struct {
	folders  []string
	writeSet string
	apischema.ProtobufOptions
}

// protobufFlags are the names of those flags, which other schemas do not take.
var protobufFlags = []string{"proto-path", "write-set", "message", "format", "json", "debug-redact", "skip"}

func (o *protobufOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&o.folders, "proto-path", "I", []string{"."}, "`FOLDER` that .proto files are imported from")
	f.StringVar(&o.writeSet, "write-set", "", "write the descriptor set of .proto files to `FILE`, which the policy names")
	f.StringVar(&o.Message, "message", "", "the `MESSAGE` that bodies of --path are, by its full name, if they are no gRPC calls")
	f.StringSliceVar(&o.Formats, "format", []string{"grpc"}, "`FORMATS` of the calls that get the descriptor set: grpc, grpc-web, connect, connect-unary")
	f.BoolVar(&o.JSON, "json", true, "rules for the names of JSON too, in case that the service also takes JSON")
	f.StringVar(&o.DebugRedact, "debug-redact", "", "`TAG` of fields that have the option debug_redact")
	f.StringToStringVar(&o.Confluent, "confluent", nil, "`OF=TAG` gives fields that Confluent tags as OF a tag; repeat it for others")
	f.StringArrayVar(&o.Skip, "skip", nil, "`FIELD`, by its full name, whose tag leads to no rule")
}

// protobuf reads a descriptor set, or .proto files. ok is false if files are
// neither.
func (o *options) protobuf(c *cobra.Command, files []string) (api *apischema.API, from []source, ok bool, err error) {
	proto := strings.HasSuffix(files[0], ".proto")
	var set []byte
	schema := files[0]
	switch {
	case proto && o.writeSet == "":
		return nil, nil, true, cli.UsageError(c, errors.New(".proto files need --write-set FILE: the policy reads messages by their descriptor set"))
	case proto:
		r := &protoReader{folders: o.folders}
		if set, err = r.compile(c.Context(), files); err != nil {
			return nil, nil, true, err
		}
		from, schema = r.sources(), o.writeSet
	default:
		if set, err = os.ReadFile(schema); err != nil || !apischema.IsDescriptorSet(set) {
			return nil, nil, false, err
		}
		from = []source{{schema, sha256.Sum256(set)}}
	}
	if err := o.checkProtobuf(c); err != nil {
		return nil, nil, true, err
	}
	o.Schema = schema
	api, err = apischema.Protobuf(set, o.ProtobufOptions)
	if err != nil {
		return nil, nil, true, fmt.Errorf("%s: %w", files[0], err)
	}
	if proto && api.Tags > 0 {
		err = os.WriteFile(schema, set, 0o644)
	}
	return api, from, true, err
}

func (o *options) checkProtobuf(c *cobra.Command) error {
	for _, name := range o.Formats {
		if o.Message == "" && !slices.ContainsFunc(formats.Table(), func(f *codec.Format) bool { return f.Name == name }) {
			return cli.UsageError(c, fmt.Errorf("there is no format %q", name))
		}
	}
	if o.Message != "" {
		o.Formats = []string{"protobuf"}
	}
	return nil
}

// refuseProtobufFlags fails if a flag for protobuf is given with another
// schema.
func refuseProtobufFlags(c *cobra.Command) error {
	for _, name := range protobufFlags {
		if c.Flags().Changed(name) {
			return cli.UsageError(c, fmt.Errorf("--%s is for descriptor sets and .proto files", name))
		}
	}
	return nil
}

// sources returns the files that were read, each once, in order.
func (r *protoReader) sources() []source {
	slices.SortFunc(r.read, func(a, b source) int { return strings.Compare(a.file, b.file) })
	return slices.CompactFunc(r.read, func(a, b source) bool { return filepath.Clean(a.file) == filepath.Clean(b.file) })
}
