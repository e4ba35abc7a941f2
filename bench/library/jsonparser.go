package library

import (
	"errors"

	"github.com/buger/jsonparser"

	"github.com/sealmesh/sealmesh/bench/load"
)

// parserLooks searches every record for the field, as a user of jsonparser
// would.
func parserLooks(body []byte) error {
	found := 0
	_, err := jsonparser.ArrayEach(body, func(record []byte, _ jsonparser.ValueType, _ int, _ error) {
		_ = jsonparser.ObjectEach(record, func(name, _ []byte, _ jsonparser.ValueType, _ int) error {
			if string(name) == load.Member {
				found++
			}
			return nil
		})
	}, "records")
	if found > 0 {
		return errors.New("a value was found where none is")
	}
	return err
}
