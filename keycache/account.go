package keycache

import (
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

var accessNames = [datakeys.Accesses]string{"", "hit", "stale", "miss"}

// Names of operations in spans.
const (
	opSeal = "seal"
	opOpen = "open"
)

// A useID is what key uses are grouped by: one span each. Values that failed
// are a use of their own, and so are those of a second suite: a span names one
// of each.
type useID struct {
	key       *key
	dataKey   *datakeys.DataKey // nil when the use failed before one was verified
	operation string
	suite     suite.ID // 0 when unknown
	reason    Reason   // "" on success
}

// use returns what a span says of id.
func (id *useID) use() keyuse.Use {
	u := keyuse.Use{Key: id.key.Name, Operation: id.operation, ErrorType: string(id.reason)}
	if id.dataKey != nil {
		u.DataKey = id.dataKey.ID
	}
	if s := suite.ByID(id.suite); s != nil {
		u.Suite = s.Name
	}
	return u
}

// A tally is what is counted for one use and is not in its span.
type tally struct {
	id       useID
	lastly   *Tag // the tag of the latest value: the usual answer to whether Tags has it
	accesses [datakeys.Accesses]uint64
	told     bool // the record says that the exchange failed
}

// An account adds up key uses until they are recorded. uses and tallies go in
// step.
type account struct {
	uses    []keyuse.Use
	tallies []tally
	touched []int         // of which uses something is not recorded yet
	index   map[useID]int // when they are more than few
	latest  int
	batch   []keyuse.Use // what is being recorded
}

// few is how many uses are looked through faster than they are looked up.
const few = 8

// add counts one value of n plaintext bytes.
func (a *account) add(id useID, t *Tag, n int, access datakeys.Access, wall int64) {
	i := a.find(id)
	u, y := &a.uses[i], &a.tallies[i]
	if u.Fields == 0 {
		u.Start, a.touched = wall, append(a.touched, i)
	}
	u.Fields++
	u.Bytes += int64(n)
	y.accesses[access]++
	if y.lastly == t {
		return
	}
	y.lastly = t
	addTag(u, t.name)
}

func addTag(u *keyuse.Use, name string) {
	if at, found := slices.BinarySearch(u.Tags, name); !found {
		u.Tags = slices.Insert(u.Tags, at, name)
	}
}

func (a *account) find(id useID) int {
	if a.latest < len(a.tallies) && a.tallies[a.latest].id == id {
		return a.latest
	}
	i, ok := a.lookUp(id)
	if !ok {
		i = a.begin(id)
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

func (a *account) begin(id useID) int {
	i := len(a.uses)
	var tags []string
	if i < cap(a.uses) {
		tags = a.uses[:i+1][i].Tags[:0] // of an earlier session
	}
	u := id.use()
	u.Tags = tags
	a.uses = append(a.uses, u)
	a.tallies = append(a.tallies, tally{id: id})
	switch n := len(a.tallies); {
	case n == few+1:
		if a.index == nil {
			a.index = map[useID]int{}
		}
		for i := range a.tallies {
			a.index[a.tallies[i].id] = i
		}
	case n > few:
		a.index[id] = i
	}
	return i
}

// complete puts use i into the batch, with its end at wall, how it got its data
// key, and the outcome unless the use itself failed.
func (a *account) complete(i int, wall int64, outcome string) {
	u, y := &a.uses[i], &a.tallies[i]
	u.End = wall
	if u.Fields == 0 {
		u.Start = wall
	}
	for access, n := range y.accesses {
		if n > 0 {
			u.Cache = accessNames[access]
		}
	}
	if u.ErrorType == "" {
		u.ErrorType = outcome
	}
	a.batch = append(a.batch, *u)
}

// count adds what use i did to the statistics of its key.
func (a *account) count(i int) {
	y := &a.tallies[i]
	y.id.key.stats.add(y)
}

// carryOver empties use i, which was recorded or moved. Values that follow are
// an increment.
func (a *account) carryOver(i int) {
	u, y := &a.uses[i], &a.tallies[i]
	u.Fields, u.Bytes, u.Tags, u.Cache, u.ErrorType, u.Partial = 0, 0, u.Tags[:0], "", string(y.id.reason), true
	*y = tally{id: y.id}
}

// owes reports whether part of the use of that id is not recorded yet.
func (a *account) owes(id useID) bool {
	i, ok := a.lookUp(id)
	return ok && a.uses[i].Fields > 0
}

// move adds use i to another account.
func (a *account) move(i int, to *account) {
	u, y := &a.uses[i], &a.tallies[i]
	j := to.find(y.id)
	v, z := &to.uses[j], &to.tallies[j]
	if v.Fields == 0 {
		v.Start, to.touched = u.Start, append(to.touched, j)
	}
	v.Fields, v.Bytes, v.Partial = v.Fields+u.Fields, v.Bytes+u.Bytes, true
	for _, name := range u.Tags {
		addTag(v, name)
	}
	for access, n := range y.accesses {
		z.accesses[access] += n
	}
}

// maxKept bounds what a pooled account holds on to after an exchange with many
// data keys.
const maxKept = 256

// reset empties the account for the next session.
func (a *account) reset() {
	if len(a.uses) > maxKept {
		*a = account{}
		return
	}
	for i := range a.uses {
		a.uses[i] = keyuse.Use{Tags: a.uses[i].Tags[:0]}
	}
	if len(a.tallies) > few {
		clear(a.index)
	}
	clear(a.tallies)
	clear(a.batch[:cap(a.batch)])
	a.uses, a.tallies, a.touched, a.batch, a.latest = a.uses[:0], a.tallies[:0], a.touched[:0], a.batch[:0], 0
}

// keyNames returns the names of the keys that were used, for an error.
func (a *account) keyNames() string {
	var names []string
	for i := range a.uses {
		if !slices.Contains(names, a.uses[i].Key) {
			names = append(names, a.uses[i].Key)
		}
	}
	return strings.Join(names, ", ")
}
