// Package inspect implements "sealmesh inspect".
package inspect

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
)

// Command returns "sealmesh inspect".
func Command() *cobra.Command {
	var opt options
	c := &cobra.Command{
		Use:   "inspect [ENVELOPE...]",
		Short: "Print what the header of an envelope says, and whether it opens",
		Long: `Print what the headers of envelopes say: suite, kind of value, data key, and the
KEKs that wrapped the data key. This needs no key and opens nothing. Without
arguments, envelopes are read from standard input, one per line.

With --config, KEKs of the policy are named if their URI alone identifies them:
AWS KMS keys, and the former targets of an alias.

With --config and --tag, inspect also reports whether each envelope opens under
that tag, but never prints the value. This uses keys and is recorded. For a tag
with context_from, --param id=9 gives the value that the tag is bound to: an
envelope that does not open there belongs to another record.`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case opt.tag == "" && len(opt.params) > 0:
				return cli.UsageError(c, errors.New("--param needs --tag"))
			case opt.tag != "" && opt.config == "":
				return cli.UsageError(c, errors.New("--tag needs --config FILE, the policy that defines the tag"))
			}
			known, err := knownKEKs(opt.config)
			if err != nil {
				return err
			}
			in := c.InOrStdin()
			if len(args) > 0 {
				in = strings.NewReader(strings.Join(args, "\n"))
			}
			if opt.tag == "" {
				return inspectAll(c.OutOrStdout(), in, known, func([]byte) string { return "" })
			}
			return withOpener(c.Context(), opt, c.ErrOrStderr(), func(opens func([]byte) string) error {
				return inspectAll(c.OutOrStdout(), in, known, opens)
			})
		},
	}
	c.Flags().StringVarP(&opt.config, "config", "c", "", "policy `FILE`; its KEKs are named in the output")
	c.Flags().StringVar(&opt.tag, "tag", "", "report whether the envelope opens under this `TAG` of the policy")
	cli.ParamFlag(c, &opt.params)
	return c
}

// A knownKEK is a KEK of a policy that its reference identifies.
type knownKEK struct {
	hsm.KEK
	alias string // URI of the alias that it is a former target of, or ""
}

// knownKEKs returns the KEKs of the policy at config that their URIs alone
// identify, none without a policy.
func knownKEKs(config string) ([]knownKEK, error) {
	if config == "" {
		return nil, nil
	}
	p, err := cli.ReadPolicy(config)
	if err != nil {
		return nil, err
	}
	var all []knownKEK
	for _, k := range p.Keys {
		for _, uri := range k.KEKs {
			keks, err := builtin.Targets(uri)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", k.Name, err)
			}
			for _, kek := range keks {
				known := knownKEK{KEK: kek}
				if kek.URI != uri {
					known.alias = uri
				}
				all = append(all, known)
			}
		}
	}
	return all, nil
}

// maxLine is the length, in bytes, of the longest line: a sealed value at its
// limit.
const maxLine = 4 << 20

func inspectAll(w io.Writer, r io.Reader, known []knownKEK, opens func(text []byte) string) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	for n := 1; lines.Scan(); n++ {
		text := strings.Trim(strings.TrimSpace(lines.Text()), `"`)
		if text == "" {
			continue
		}
		out, err := inspect([]byte(text), known)
		if err != nil {
			return fmt.Errorf("inspect: line %d: %w", n, err)
		}
		out.Opens = opens([]byte(text))
		if err := e.Encode(out); err != nil {
			return err
		}
	}
	return lines.Err()
}

// inspected is what inspect prints of one envelope.
type inspected struct {
	Format     int       `json:"format"`
	Suite      string    `json:"suite"`
	Kind       string    `json:"kind"`
	DataKey    string    `json:"data_key"`
	Reference  string    `json:"key_reference"`
	Wraps      []wrapped `json:"wraps,omitempty"`
	Characters int       `json:"characters"`
	ValueBytes int       `json:"value_bytes"`
	Opens      string    `json:"opens,omitempty"` // yes, or why not
}

type wrapped struct {
	Provider string `json:"provider"`
	KEK      string `json:"kek_reference"`
	Bytes    int    `json:"bytes"`
	URI      string `json:"kek,omitempty"`
	Alias    string `json:"former_target_of,omitempty"`
}

func inspect(text []byte, known []knownKEK) (*inspected, error) {
	h, payload, _, err := envelope.Parse(nil, text)
	if err != nil {
		return nil, err
	}
	s := suite.ByID(h.Suite)
	out := &inspected{
		Format: 1, Suite: s.Name, Kind: kindName(h.Kind), DataKey: hex.EncodeToString(h.KeyID[:]),
		Reference: "by id", Characters: len(text), ValueBytes: len(payload) - s.Overhead,
	}
	if h.Record == nil {
		return out, nil
	}
	out.Reference = "inline record"
	record, err := envelope.ParseRecord(h.Record)
	if err != nil {
		return nil, err
	}
	for _, w := range record.Wraps {
		one := wrapped{Provider: providerName(w.ProviderID), KEK: hex.EncodeToString(w.KEK[:]), Bytes: len(w.Wrapped)}
		for _, k := range known {
			if k.ProviderID == w.ProviderID && k.Ref() == w.KEK {
				one.URI, one.Alias = k.URI, k.alias
			}
		}
		out.Wraps = append(out.Wraps, one)
	}
	return out, nil
}

func kindName(k codec.Kind) string {
	switch k {
	case codec.Text:
		return "text"
	case codec.Literal:
		return "JSON literal"
	case codec.Raw:
		return "raw"
	default:
		return "bytes"
	}
}

func providerName(id uint8) string {
	for _, kind := range builtin.Kinds() {
		if n, _ := builtin.ProviderID(kind); n == id {
			return kind
		}
	}
	return fmt.Sprintf("kind %d", id)
}
