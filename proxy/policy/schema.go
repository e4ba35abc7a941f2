package policy

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of policy files, for editors:
// every key with its description. It is made from the types that the loader
// fills, and says less than the loader does: only the loader knows whether names,
// paths and bounds fit together.
func Schema() []byte { return slices.Clone(schema) }
