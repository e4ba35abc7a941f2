// Command go reads server-sent events with go-sse. It is a module of its own, so
// that sealmesh does not depend on what only this test needs. See reader.py,
// which has the same usage and frames.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/tmaxmax/go-sse"
)

const canary = "CANARY"

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var n uint32
		if err := binary.Read(in, binary.BigEndian, &n); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			log.Fatal(err)
		}
		reply, err := json.Marshal(events(body))
		if err != nil {
			log.Fatal(err)
		}
		if err := binary.Write(out, binary.BigEndian, uint32(len(reply))); err != nil {
			log.Fatal(err)
		}
		out.Write(reply) // Flush returns its error
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// events returns the values in the data of events, each with its path. An
// application passes over data that is not JSON, such as [DONE].
func events(body []byte) []any {
	found := []any{}
	for e, err := range sse.Read(bytes.NewReader(body), nil) {
		if err != nil {
			break
		}
		var v any
		if json.Unmarshal([]byte(e.Data), &v) == nil {
			found = flat(found, v, nil)
		}
	}
	return found
}

func flat(found []any, v any, path []any) []any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			found = flat(found, member, append(path[:len(path):len(path)], name))
		}
	case []any:
		for i, element := range v {
			found = flat(found, element, append(path[:len(path):len(path)], i))
		}
	default:
		if text := fmt.Sprint(v); strings.Contains(text, canary) {
			found = append(found, []any{append([]any{}, path...), text})
		}
	}
	return found
}
