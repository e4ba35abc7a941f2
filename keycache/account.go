package keycache

import (
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// A cacheState is how a use came by its data key. The higher one wins when
// uses are added up.
type cacheState uint8

const (
	none cacheState = iota // it never came to ask for one
	hit
	stale
	miss
	cacheStates
)

var cacheNames = [cacheStates]string{"", "hit", "stale", "miss"}

// Names of operations in spans.
const (
	opSeal = "seal"
	opOpen = "open"
)

// A useID is what key uses are grouped by: one span each. Values that failed are
// a use of their own, and so are those of a second suite: a span names one of each.
type useID struct {
	key       *key
	dataKey   *dataKey // nil when the use failed before one was verified
	operation string
	suite     suite.ID // 0 when unknown
	reason    Reason   // "" on success
}

// A tally is what is counted of one use besides what its span says.
type tally struct {
	id     useID
	lastly *Tag // the tag of the latest value: the usual answer to whether Tags has it
	states [cacheStates]uint64
}

// An account adds up the key uses of one session. uses and tallies go in step.
type account struct {
	uses    []keyuse.Use
	tallies []tally
	index   map[useID]int // when they are more than few
	latest  int
}

// few is how many uses are looked through faster than they are looked up.
const few = 8

// add counts one value of n plaintext bytes.
func (a *account) add(id useID, t *Tag, n int, state cacheState, wall int64) {
	i := a.find(id, wall)
	u, y := &a.uses[i], &a.tallies[i]
	u.Fields++
	u.Bytes += int64(n)
	y.states[state]++
	if y.lastly == t {
		return
	}
	y.lastly = t
	if at, found := slices.BinarySearch(u.Tags, t.name); !found {
		u.Tags = slices.Insert(u.Tags, at, t.name)
	}
}

func (a *account) find(id useID, wall int64) int {
	if a.latest < len(a.tallies) && a.tallies[a.latest].id == id {
		return a.latest
	}
	i, ok := a.lookUp(id)
	if !ok {
		i = a.begin(id, wall)
	}
	a.latest = i
	return i
}

func (a *account) lookUp(id useID) (int, bool) {
	if len(a.tallies) > few {
		i, ok := a.index[id]
		return i, ok
	}
	for i := range a.tallies {
		if a.tallies[i].id == id {
			return i, true
		}
	}
	return 0, false
}

func (a *account) begin(id useID, wall int64) int {
	i := len(a.uses)
	var tags []string
	if i < cap(a.uses) {
		tags = a.uses[:i+1][i].Tags[:0] // of an earlier session
	}
	u := keyuse.Use{Start: wall, Key: id.key.name, Operation: id.operation, Tags: tags, ErrorType: string(id.reason)}
	if id.dataKey != nil {
		u.DataKey = id.dataKey.id
	}
	if s := suite.ByID(id.suite); s != nil {
		u.Suite = s.Name
	}
	a.uses = append(a.uses, u)
	a.tallies = append(a.tallies, tally{id: id})
	switch n := len(a.tallies); {
	case n == few+1:
		for i := range a.tallies {
			a.index[a.tallies[i].id] = i
		}
	case n > few:
		a.index[id] = i
	}
	return i
}

// close completes the uses: their end, how they came by their keys, and the
// outcome of those that did not fail themselves. It counts them in their keys' statistics.
func (a *account) close(wall int64, outcome string) {
	for i := range a.uses {
		u, y := &a.uses[i], &a.tallies[i]
		u.End = wall
		for state, n := range y.states {
			if n > 0 {
				u.Cache = cacheNames[state]
			}
		}
		if u.ErrorType == "" {
			u.ErrorType = outcome
		}
		y.id.key.stats.add(y, u.Fields)
	}
}

// maxKept bounds what a pooled account holds on to after an exchange with many data keys.
const maxKept = 256

// reset empties the account for the next session.
func (a *account) reset() {
	if len(a.uses) > maxKept {
		*a = account{index: map[useID]int{}}
		return
	}
	for i := range a.uses {
		a.uses[i] = keyuse.Use{Tags: a.uses[i].Tags[:0]}
	}
	if len(a.tallies) > few {
		clear(a.index)
	}
	clear(a.tallies)
	a.uses, a.tallies, a.latest = a.uses[:0], a.tallies[:0], 0
}

// keyNames says whose uses these are, for an error.
func (a *account) keyNames() string {
	var names []string
	for i := range a.uses {
		if !slices.Contains(names, a.uses[i].Key) {
			names = append(names, a.uses[i].Key)
		}
	}
	return strings.Join(names, ", ")
}
