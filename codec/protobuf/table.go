package protobuf

// Wire types.
const (
	varintWire  = 0
	fixed64Wire = 1
	lengthWire  = 2
	fixed32Wire = 5
	noWire      = 0xff // of a field that the schema does not have
)

// An action is what the scanner does with a field of the declared wire type.
type action uint8

const (
	unknown    action = iota // the schema does not have the field
	scalar                   // a number: nothing but its form is checked
	text                     // string
	data                     // bytes
	message                  // a message, or an entry of a map
	keyed                    // an entry of a map whose key decides about the value
	typeURL                  // type_url of Any: it decides how the value is read
	anyValue                 // value of Any
	untaggable               // a rule tags the field, and it cannot be sealed
)

// A Table says what the fields of one message type are at one place of a
// document. It is compiled from a schema and the rules of a Selector.
// Immutable.
type Table struct {
	dense  []field           // by field number
	sparse map[uint32]*field // of the numbers beyond dense
	// live says that a rule can find a value in the message: then the table must
	// know every field.
	live bool
	// slots is the number of counts that the scanner keeps while it reads the
	// message.
	slots int
	// ordered says that pieces of the message cannot be read one by one: merged
	// by a reader, they number their elements together, or have one type of Any.
	ordered bool
	names   map[string]int // of Any: message type → index in types
	types   []*Table
}

// A field is one field of a Table.
type field struct {
	do   action
	wire uint8 // that the schema declares; of one element, if packs
	// packs says that the field is a repeated number, which readers take packed
	// and unpacked.
	packs  bool
	single bool // neither repeated nor a map
	once   bool // a second one is refused: see Table.ordered
	key    keyKind
	slot   int32 // of the count, or -1
	to     target
	steps  []target // by Step of the element or the key; nil if all are as to
}

// A target is what a field's value is.
type target struct {
	rule int32  // that owns the value, or -1
	next *Table // of a message
}

// maxDense is the first field number that is looked up in Table.sparse.
const maxDense = 512

var noField = field{wire: noWire, slot: -1, to: target{rule: -1}}

// opaque is the table of a message of which nothing is known.
var opaque = &Table{}

// Opaque is the table of a message of which nothing is known.
func Opaque() *Table { return opaque }

// field returns the field with number n.
func (t *Table) field(n uint32) *field {
	if n < uint32(len(t.dense)) {
		return &t.dense[n]
	}
	if f := t.sparse[n]; f != nil {
		return f
	}
	return &noField
}

// set makes f the field with number n.
func (t *Table) set(n uint32, f field) {
	if n >= maxDense {
		if t.sparse == nil {
			t.sparse = make(map[uint32]*field)
		}
		t.sparse[n] = &f
		return
	}
	for uint32(len(t.dense)) <= n {
		t.dense = append(t.dense, noField)
	}
	t.dense[n] = f
}

// each calls do for every field of t.
func (t *Table) each(do func(*field)) {
	for i := range t.dense {
		do(&t.dense[i])
	}
	for _, f := range t.sparse {
		do(f)
	}
}
