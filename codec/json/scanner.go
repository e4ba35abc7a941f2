package json

import "github.com/sealmesh/sealmesh/codec"

// A grammarState is what the grammar allows next, between two tokens.
type grammarState uint8

const (
	atValue        grammarState = iota // a value
	atFirstElement                     // a value or ]
	atFirstName                        // a name or }
	atName                             // a name
	atColon                            // :
	atNext                             // a comma, or the end of the container
	atEnd                              // blanks only
)

// A token is a token that the last chunk cut.
type token uint8

const (
	noToken token = iota
	nameToken
	stringToken
	numberToken
	literalToken
)

// A frame is one open container.
type frame uint8

const (
	arrayFrame  frame = 0
	objectFrame frame = 1
	liveFrame   frame = 2  // a rule may own one of its values
	sameFrame   frame = 4  // live, and the cursor did not descend: nothing would change
	noFrame     frame = 8  // no frame: see open
	watchFrame  frame = 16 // part of a patch, if the body is one, or a root that may name a method
)

// A scanner validates JSON, all of RFC 8259, and finds tagged values.
//
// It reads each byte by the fastest of three loops that can: skipUnmatched, for
// tokens that no rule can match; scan, for any token that is whole in the
// chunk; and resume, byte by byte, for a token that a chunk cut. Methods that
// read take the index of the next byte and return the index after what they
// read, or -1 when err is set.
//
// The scanner has more methods than other types of this project. It is one
// state machine: its loops share the state below, and are read together.
type scanner struct {
	base   int64        // offset in the body of the piece being read
	frames []frame      // open containers
	state  grammarState // between tokens
	live   bool         // a rule may own the next value of the innermost container

	// The token that the last chunk cut, and how much of it was read.
	token  token
	part   partString
	number numberState
	rest   string // of true, false or null

	escaped bool // the last string has escapes

	guard  *codec.Guard // never nil
	root   codec.Root   // what the value must be
	method bool         // the value must not name a method
	tables *nameTables  // of names that skipMembers stops at; never nil
	in     frame        // where skipMembers reads
	depth  int          // and how deep
	spot   spotter      // of the string that the last chunk cut
	cut    bool         // that string came in pieces
	patch  patchWatch

	// Rules. They are looked at only where one may still match: the cursor
	// descends into live containers alone.
	sel     *codec.Selector // nil: there are no rules
	limits  codec.Limits
	cursor  codec.Cursor
	index   []int           // of the next element, one for each live array
	indexed bool            // rules name elements by index
	tagText bool            // the tagged value being read is a string
	step    codec.Step      // to the next value; here at the root
	below   codec.Preview   // of values that no rule names, in the innermost live container
	outer   []codec.Preview // of the containers around it
	tags    *codec.Splicer  // of the body
	encoder encoder

	nameStart int64      // offset of the member name being read, or -1
	name      codec.Held // what earlier chunks have of the name

	err error
}
