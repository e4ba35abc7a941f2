package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm/builtin"
)

func newInspect() *cobra.Command {
	var opt openingOptions
	c := &cobra.Command{
		Use:   "inspect [ENVELOPE...]",
		Short: "Say what the header of an envelope holds, and whether it opens",
		Long: `Say what the headers of envelopes hold: suite, kind, data key and the KEKs that
wrap it. No key is needed, and nothing is opened. Without arguments, envelopes
are read from standard input, one a line.

With --config, the wraps of those KEKs of the policy are named that are known by
their URI alone: AWS KMS keys, and the former targets of an alias. With --tag too, it says
whether each envelope opens under that tag, and never what it holds. That uses keys, and
is recorded. --param id=9 says what a tag with context_from is bound to: an envelope that
does not open there belongs to another record.`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case opt.tag == "" && len(opt.params) > 0:
				return usageError{c, errors.New("--param goes with --tag")}
			case opt.tag != "" && opt.config == "":
				return usageError{c, errors.New("--tag needs the policy that has it: --config FILE")}
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
			return opening(c.Context(), opt, c.ErrOrStderr(), func(opens func([]byte) string) error {
				return inspectAll(c.OutOrStdout(), in, known, opens)
			})
		},
	}
	c.Flags().StringVarP(&opt.config, "config", "c", "", "a policy file whose KEKs are named")
	c.Flags().StringVar(&opt.tag, "tag", "", "say whether it opens under this tag of the policy")
	paramFlag(c, &opt.params)
	return c
}

func knownKEKs(config string) ([]wrapper, error) {
	if config == "" {
		return nil, nil
	}
	p, err := readPolicy(config)
	if err != nil {
		return nil, err
	}
	return identified(p)
}

// maxLine is the longest line of envelopes: a value at its limit, sealed.
const maxLine = 4 << 20

func inspectAll(w io.Writer, r io.Reader, known []wrapper, opens func(text []byte) string) error {
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

func inspect(text []byte, known []wrapper) (*inspected, error) {
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
