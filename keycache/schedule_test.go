package keycache

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// A weather is what the KMS does for a while.
type weather struct {
	name  string
	delay time.Duration
	class hsm.Class
}

var weathers = []weather{
	{"fine", 5 * time.Millisecond, 0},
	{"slow", 300 * time.Millisecond, 0},
	{"unavailable", 0, hsm.Unavailable},
	{"unclear", 0, hsm.Unclear},
	{"hanging", time.Hour, 0},
	{"denied", 0, hsm.Denied},
}

// A watch checks, use by use, that what the cache does agrees with what the KMS
// said.
type watch struct {
	t       *testing.T
	r       *rig
	m       *keycachetest.KMS
	now     weather
	since   time.Time // of the weather
	refused time.Time // when it was last denied
	unclear time.Time // when its answers were last unclear
	opened  map[string]time.Time
}

func (w *watch) change(to weather) {
	switch w.now.class {
	case hsm.Denied:
		w.refused = time.Now()
	case hsm.Unclear:
		w.unclear = time.Now()
	}
	if to.name != w.now.name {
		w.now, w.since = to, time.Now()
		w.m.Answer(to.delay, to.class)
	}
}

// vouched is when the KMS last made or unwrapped the data key of text.
func (w *watch) vouched(text []byte) time.Time {
	rec := mustRecord(w.t, headerOf(w.t, text).Record)
	w.m.Mu.Lock()
	defer w.m.Mu.Unlock()
	return w.m.Vouched[string(rec.Wraps[0].Wrapped)]
}

func (w *watch) open(text []byte) {
	before := w.vouched(text)
	began := time.Now()
	_, err := w.r.open(text)
	last := w.opened[string(text)]
	if err == nil {
		w.succeeded("open", text)
		w.opened[string(text)] = began
	}
	wellSince := before.After(w.refused) && w.now.class != hsm.Denied
	doubtful := w.now.class == hsm.Unclear || !before.After(w.unclear)
	wellSince = wellSince && (!doubtful || began.Sub(before) < DefaultSoft-time.Second)
	held := began.Sub(before) < DefaultHard-time.Second && began.Sub(last) < DefaultHard-DefaultSoft
	if before.IsZero() || !wellSince || !held {
		return
	}
	if err != nil {
		w.t.Errorf("open failed in %s weather, %v after the KMS vouched for the key: %v", w.now.name, began.Sub(before), err)
	}
	if waited := time.Since(began); waited != 0 {
		w.t.Errorf("open waited %v in %s weather, %v after the KMS vouched for the key", waited, w.now.name, began.Sub(before))
	}
}

// succeeded says that a value was sealed or opened just now.
func (w *watch) succeeded(what string, text []byte) {
	age := time.Since(w.vouched(text))
	if age > DefaultHard {
		w.t.Errorf("%s %v after the KMS vouched for the key: past the hard bound", what, age)
	}
	if denied := time.Since(w.since); w.now.class == hsm.Denied && denied > DefaultSoft {
		w.t.Errorf("%s %v after the revocation: past the soft bound", what, denied)
	}
	if unclear := time.Since(w.since); w.now.class == hsm.Unclear && unclear > DefaultSoft && age > DefaultSoft {
		w.t.Errorf("%s %v after the last clear answer: past the soft bound", what, age)
	}
	steady := w.now.class == 0 && w.now.delay < time.Second && time.Since(w.since) > DefaultSoft+time.Minute
	if steady && age > DefaultSoft {
		w.t.Errorf("%s with a key %v old, though the KMS is well: past the soft bound", what, age)
	}
}

// Whatever the KMS does and whenever it is asked, the bounds hold.
func TestBoundsHoldInAnyWeather(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0))
				m := keycachetest.NewKMS("a")
				texts := foreign(t, 3, "v", m)
				clear(m.Vouched) // that was another process
				w := &watch{t: t, m: m, r: newRig(t, keyOf(m), Options{}), now: weathers[0], since: time.Now(), opened: map[string]time.Time{}}
				m.Answer(weathers[0].delay, 0)
				for range 1500 {
					if t.Failed() {
						break
					}
					if rng.IntN(20) == 0 {
						w.change(weathers[rng.IntN(len(weathers))])
					}
					w.change(w.now)
					if i := rng.IntN(4); i < 3 {
						w.open(texts[i])
					} else if text, err := w.r.seal("v"); err == nil {
						w.succeeded("seal", text)
					}
					time.Sleep(pause(rng))
				}
				w.r.end()
			})
		})
	}
}

// pause is mostly short, now and then long.
func pause(rng *rand.Rand) time.Duration {
	longest := []time.Duration{100 * time.Millisecond, 10 * time.Second, 3 * time.Minute, 20 * time.Minute}
	return time.Duration(rng.Int64N(int64(longest[min(rng.IntN(6), 3)%4])))
}
