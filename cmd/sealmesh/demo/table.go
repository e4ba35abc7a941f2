package demo

import (
	"encoding/json"
	"fmt"
	"strings"
)

// customer holds the fields of a customer as unchanged JSON text.
type customer struct {
	Name     json.RawMessage `json:"name"`
	Email    json.RawMessage `json:"email"`
	SSN      json.RawMessage `json:"ssn"`
	Income   json.RawMessage `json:"income"`
	Contacts []struct {
		Phone json.RawMessage `json:"phone"`
	} `json:"contacts"`
}

// A cell is a named field and its JSON text.
type cell struct{ name, text string }

// cells returns the fields of one customer as a list.
func cells(text []byte) ([]cell, error) {
	var c customer
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	out := []cell{{"name", string(c.Name)}, {"email", string(c.Email)}, {"ssn", string(c.SSN)}, {"income", string(c.Income)}}
	for i, contact := range c.Contacts {
		out = append(out, cell{fmt.Sprintf("contacts[%d].phone", i), string(contact.Phone)})
	}
	return out, nil
}

// sideBySide prints what was sent, stored and returned, one field per line.
func (s screen) sideBySide(sent, stored, received []byte) error {
	columns := make([][]cell, 3)
	for i, text := range [][]byte{sent, stored, received} {
		var err error
		if columns[i], err = cells(text); err != nil {
			return err
		}
	}
	const format = "%-18s%-22s%-30s%s"
	s.line(s.paint("2", fmt.Sprintf(format, "", "client sent", "database holds", "client got back")))
	for i, c := range columns[0] {
		held := fmt.Sprintf("%-30s", shorten(columns[1][i].text))
		if strings.Contains(held, "sm1.") {
			held = s.paint("36", held)
		}
		s.line(fmt.Sprintf("%-18s%-22s", c.name, c.text) + held + columns[2][i].text)
	}
	fmt.Fprintln(s.out)
	return nil
}

// shorten cuts an envelope to its recognizable beginning.
func shorten(text string) string {
	const width = 26
	if len(text) <= width || !strings.HasPrefix(text, `"sm1.`) {
		return text
	}
	return text[:width] + `…"`
}
