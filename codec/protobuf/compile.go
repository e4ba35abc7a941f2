package protobuf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf/descriptorset"
)

// maxTables bounds the work and the memory of a policy whose rules can match in
// every message of a large schema.
const maxTables = 50_000

// A Compiler makes tables of the messages of a schema, for the rules of a
// Selector. A message type has one table for each state that a Cursor can have
// at its place, so that recursive types have finitely many.
type Compiler struct {
	types  *descriptorset.Set
	sel    *codec.Selector
	names  map[codec.Step]string
	lax    bool // a rule may end at a type that cannot be sealed, if it fits elsewhere
	tables map[tableKey]*Table
	todo   []job // tables to fill
	anys   []job // tables of Any to fill, once all others are
	fits   map[int]bool
	misfit map[int]error // by rule: where it ends at such a type
	err    error
}

// A tableKey is a message type and the state of a Cursor, which is empty where
// no rule can match.
type tableKey struct {
	message protoreflect.FullName
	state   string
}

// A job is a table to fill, of a message at a place.
type job struct {
	table   *Table
	message protoreflect.MessageDescriptor
	at      codec.Cursor
}

// NewCompiler reads the FileDescriptorSet of o.
func NewCompiler(sel *codec.Selector, o codec.Options) (*Compiler, error) {
	types, err := codec.ParsedSchema(o, parse)
	if err != nil {
		return nil, err
	}
	c := &Compiler{
		types: types, sel: sel, names: make(map[codec.Step]string),
		tables: make(map[tableKey]*Table), fits: make(map[int]bool), misfit: make(map[int]error),
	}
	for _, name := range sel.Names() {
		c.names[sel.Named([]byte(name))] = name
	}
	return c, nil
}

// body compiles the one message that bodies are.
func (c *Compiler) body(message string) (*Table, error) {
	m, ok := c.types.Message(message)
	if !ok {
		return nil, &codec.SettingError{Setting: messageSetting, Detail: "the schema has no such message"}
	}
	if m.FullName() == anyName {
		return nil, &codec.SettingError{Setting: messageSetting, Detail: "must not be Any"}
	}
	t := c.root(m)
	return t, c.finish()
}

// root returns the table of a message that is a root.
func (c *Compiler) root(m protoreflect.MessageDescriptor) *Table {
	at := c.sel.Root()
	if rule := at.Owner(); rule >= 0 && !hasOneValue(m) {
		c.unfit(rule, m.FullName(), "a message", false)
	}
	return c.table(m, at)
}

// A Method is the types of a gRPC method.
type Method struct {
	Types   [2]*Table // by codec.Direction
	Streams [2]bool   // by codec.Direction: there may be many messages
}

// Methods compiles the methods of all services, by path, as far as takes reports
// the path; nil takes all. A rule may end at a type that cannot be sealed if it
// fits in another method: a body in which it ends there is refused.
func (c *Compiler) Methods(takes func(path string) bool) (map[string]Method, error) {
	c.lax = true
	all := make(map[string]Method)
	for _, s := range c.types.Services {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			path := "/" + string(s.FullName()) + "/" + string(m.Name())
			if takes != nil && !takes(path) {
				continue
			}
			all[path] = Method{
				Types:   [2]*Table{codec.Request: c.root(m.Input()), codec.Response: c.root(m.Output())},
				Streams: [2]bool{codec.Request: m.IsStreamingClient(), codec.Response: m.IsStreamingServer()},
			}
		}
	}
	if len(all) == 0 {
		return nil, badSchema("has no method with such a path")
	}
	return all, c.finish()
}

// table returns the table of m at a place, which is filled later.
func (c *Compiler) table(m protoreflect.MessageDescriptor, at codec.Cursor) *Table {
	live := HasRules(&at)
	key := tableKey{message: m.FullName()}
	if live {
		key.state = string(at.AppendState(nil))
	}
	t, ok := c.tables[key]
	switch {
	case ok:
	case len(c.tables) == maxTables:
		c.err = errors.New("the rules can match in too many messages of the schema")
		t = opaque
	default:
		t = &Table{live: live}
		c.tables[key] = t
		c.todo = append(c.todo, job{t, m, at})
	}
	return t
}

// finish fills all tables. What an Any may hold comes last, because a rule that
// ends there at a type that cannot be sealed is no error.
func (c *Compiler) finish() error {
	for {
		for len(c.todo) > 0 && c.err == nil {
			j := c.todo[len(c.todo)-1]
			c.todo = c.todo[:len(c.todo)-1]
			c.fill(j)
		}
		if c.err != nil {
			return c.err
		}
		if len(c.anys) == 0 {
			break
		}
		c.lax = true
		for _, j := range c.anys {
			c.fillTypes(j)
		}
		c.anys = nil
	}
	for _, rule := range slices.Sorted(maps.Keys(c.misfit)) {
		if !c.fits[rule] {
			return c.misfit[rule]
		}
	}
	c.order()
	return nil
}

// fillTypes gives a table of Any all messages of the schema.
func (c *Compiler) fillTypes(j job) {
	for _, m := range c.types.Messages {
		j.table.names[string(m.FullName())] = len(j.table.types)
		j.table.types = append(j.table.types, c.table(m, j.at))
	}
}

// unfit notes that rule ends at a value that cannot be sealed. perhaps says
// that a body need not have the value, such as one of a map that the rule names
// by its key: then it is an error only if the rule fits nowhere. It is none for
// a descendant path, which also takes keys that are called like fields.
func (c *Compiler) unfit(rule int, at protoreflect.FullName, what string, perhaps bool) {
	if perhaps && strings.Contains(c.sel.Rule(rule).Path, "..") {
		return
	}
	err := &codec.PathError{
		Path:   c.sel.Rule(rule).Path,
		Detail: fmt.Sprintf("ends at %s, which is %s: only string and bytes can be sealed", at, what),
	}
	c.misfit[rule] = err
	if !c.lax && !perhaps && c.err == nil {
		c.err = err
	}
}

// order finds the messages that must not come in pieces: see Table.ordered.
func (c *Compiler) order() {
	for changed := true; changed; {
		changed = false
		for _, t := range c.tables {
			t.each(func(f *field) {
				if f.pieces() && f.to.next.ordered && !t.ordered {
					t.ordered, changed = true, true
				}
			})
		}
	}
	for _, t := range c.tables {
		t.each(func(f *field) {
			if f.pieces() && f.to.next.ordered {
				f.once, f.slot = true, int32(t.slots)
				t.slots++
			}
		})
	}
}

// pieces reports whether readers merge several fields f into one message.
func (f *field) pieces() bool { return f.do == message && f.single }
