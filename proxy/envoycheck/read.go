package envoycheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A node is a message of a configuration whose type is not known yet. Its field
// names are those of the proto, or lower camel case.
type node = map[string]any

// documents decodes all documents of YAML. JSON is a subset of YAML.
func documents(src []byte) ([]any, error) {
	var out []any
	for d := yaml.NewDecoder(bytes.NewReader(src)); ; {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

// field returns a field of n under either of its names.
func field(n node, name string) any {
	if v, ok := n[name]; ok {
		return v
	}
	return n[camel(name)]
}

func camel(name string) string {
	first, rest, _ := strings.Cut(name, "_")
	var b strings.Builder
	b.WriteString(first)
	for part := range strings.SplitSeq(rest, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

func text(n node, name string) string {
	s, _ := field(n, name).(string)
	return s
}

// typeOf returns the full name of the message in an Any, "" for none.
func typeOf(n node) string {
	url, _ := n["@type"].(string)
	return url[strings.LastIndexByte(url, '/')+1:]
}

// decode decodes n into m. It reports fields that this version of Envoy's API
// does not have, and decodes the rest.
func (c *check) decode(n node, where string, m proto.Message) error {
	src, err := json.Marshal(known(n))
	if err != nil {
		return err
	}
	err = protojson.Unmarshal(src, m)
	if err == nil {
		return nil
	}
	unknown := err
	proto.Reset(m)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(src, m); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	c.report(Unseen, where, "it has a field that this version of sealmesh does not know and cannot check: %v", unknown)
	return nil
}

// decodeAny is decode for a message in an Any: it ignores @type.
func (c *check) decodeAny(n node, where string, m proto.Message) error {
	bare := make(node, len(n))
	for k, v := range n {
		if k != "@type" {
			bare[k] = v
		}
	}
	return c.decode(bare, where, m)
}

// known returns v with messages of unknown type replaced by TypedStruct, which
// can hold any message. Like Envoy, it unwraps a TypedStruct of a known type.
func known(v any) any {
	switch v := v.(type) {
	case node:
		if value, ok := field(v, "value").(node); ok && strings.HasSuffix(typeOf(v), ".TypedStruct") {
			inner := node{"@type": text(v, "type_url")}
			for k, e := range value {
				inner[k] = e
			}
			return known(inner)
		}
		out := make(node, len(v))
		for k, e := range v {
			out[k] = known(e)
		}
		if t := typeOf(v); t != "" && !registered(t) {
			delete(out, "@type")
			return node{"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": v["@type"], "value": out}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = known(e)
		}
		return out
	}
	return v
}

func registered(message string) bool {
	_, err := protoregistry.GlobalTypes.FindMessageByURL(message)
	return err == nil
}
