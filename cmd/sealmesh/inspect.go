package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
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
	return &cobra.Command{
		Use:   "inspect [ENVELOPE...]",
		Short: "Say what the header of an envelope holds",
		Long: `Say what the headers of envelopes hold: suite, kind, data key and the KEKs that
wrap it. No key is needed, and nothing is opened. Without arguments, envelopes
are read from standard input, one a line.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return inspectAll(c.OutOrStdout(), strings.NewReader(strings.Join(args, "\n")))
			}
			return inspectAll(c.OutOrStdout(), c.InOrStdin())
		},
	}
}

// maxLine is the longest line of envelopes: a value at its limit, sealed.
const maxLine = 4 << 20

func inspectAll(w io.Writer, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	for n := 1; lines.Scan(); n++ {
		text := strings.Trim(strings.TrimSpace(lines.Text()), `"`)
		if text == "" {
			continue
		}
		out, err := inspect([]byte(text))
		if err != nil {
			return fmt.Errorf("inspect: line %d: %w", n, err)
		}
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
}

type wrapped struct {
	Provider string `json:"provider"`
	KEK      string `json:"kek_reference"`
	Bytes    int    `json:"bytes"`
}

func inspect(text []byte) (*inspected, error) {
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
		out.Wraps = append(out.Wraps, wrapped{providerName(w.Kind), hex.EncodeToString(w.KEK[:]), len(w.Wrapped)})
	}
	return out, nil
}

func kindName(k codec.Kind) string {
	switch k {
	case codec.Text:
		return "text"
	case codec.Literal:
		return "JSON literal"
	default:
		return "bytes"
	}
}

func providerName(id uint8) string {
	for _, kind := range builtin.Kinds() {
		if n, _ := builtin.KindID(kind); n == id {
			return kind
		}
	}
	return fmt.Sprintf("kind %d", id)
}
