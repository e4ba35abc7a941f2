package canary

import (
	"bytes"
	stdcsv "encoding/csv"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec/csv"
)

var (
	csvHeads   = []string{"ssn", "ssn", `"ssn"`, " ssn", "SSN", "id", "note", `"s,n"`, "ssn ", "\ufeffssn"}
	oddHeads   = []string{"\ufeff\"x,ssn,y\"", `"ssn"x`, "s\x00sn", "sep=;", `ss"n`, `"ss""n"`, "'ssn'", "ssn;x", "ssn\tx"}
	csvFields  = []string{canary, canary, `"` + canary + `"`, `"` + canary + `"""`, `"` + "\r\n" + canary + `"`, "1", "", `""`, "a b", `"a,b"`, "=1+2"}
	oddFields  = []string{`"` + canary + `"x`, canary + `"`, `x"` + canary + `"`, `"` + canary, canary + "\r", "\x00" + canary, `\"` + canary, "'" + canary + "'", `"a\",` + canary + `"`}
	csvBits    = []string{",", ";", "\t", `"`, `""`, "\n", "\r\n", "\r", "\x00", "\ufeff", `\`, " ", "'", "#", "sep=,\n", "\v", "\u2028", "\x1a"}
	lineBreaks = []string{"\n", "\r\n"}
)

func csvBody(r *rand.Rand) []byte {
	columns := 1 + r.IntN(4)
	var lines []string
	for row := range 2 + r.IntN(3) {
		usual, strange := csvFields, oddFields
		if row == 0 {
			usual, strange = csvHeads, oddHeads
		}
		n := columns
		if r.IntN(40) == 0 {
			n += 1 - r.IntN(3)
		}
		var fields []string
		for range max(n, 1) {
			fields = append(fields, odd(r, usual, strange))
		}
		lines = append(lines, strings.Join(fields, ","))
	}
	end := pick(r, lineBreaks...)
	body := strings.Join(lines, end)
	if r.IntN(3) > 0 {
		body += end
	}
	return mutate(r, []byte(body), csvBits)
}

// CSV, as readers with the same delimiter read it.
func TestCSV(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "csv", format: &csv.Format, generate: csvBody, plain: "id,ssn\n1," + canary + "\n",
		rules: []string{"$[*].ssn"},
		readers: []reader{
			python(t, "csv.dict_reader", ""), node(t, "csv.papaparse", ""), node(t, "csv.parse", ""), java(t, "csv.jackson", ""), java(t, "csv.commons", ""),
			java(t, "csv.commons_excel", ""), php(t, "csv"), php(t, "csv_no_escape"), ruby(t, "csv", ""),
			inProcess("encoding/csv", func(body []byte) (all []reading) {
				lines, _ := stdcsv.NewReader(bytes.NewReader(body)).ReadAll()
				for i, line := range lines {
					for k, field := range line {
						if i > 0 && k < len(lines[0]) {
							all = append(all, reading{[]any{float64(i - 1), lines[0][k]}, field})
						}
					}
				}
				return all
			}),
		},
	})
}
