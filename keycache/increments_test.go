package keycache

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// chunk seals n values and lets the chunk leave.
func (r *rig) chunk(s *Session, n int) {
	r.t.Helper()
	for range n {
		if _, err := s.Seal(nil, r.tag, codec.Text, []byte("value")); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := s.Admit(); err != nil {
		r.t.Fatal(err)
	}
}

// sums adds up the spans of each (data key, operation), and wants the first of
// each not to be marked as partial, and the others to be.
func sums(t *testing.T, uses []map[string]any) map[string]float64 {
	t.Helper()
	fields := map[string]float64{}
	for _, u := range uses {
		id := fmt.Sprint(u["sealmesh.data_key.id"], u["sealmesh.operation"])
		_, more := fields[id]
		if partial, _ := u["sealmesh.partial"].(bool); partial != more {
			t.Errorf("a span of %v, of which one came before: %t; partial: %t", id, more, partial)
		}
		fields[id] += u["sealmesh.fields"].(float64)
	}
	return fields
}

// The first use of a data key is recorded when its chunk leaves, whatever
// becomes of the process then. What adds to it is recorded within a second, at
// most once a second, also while the stream stands still.
func TestStreamedUsesAreRecordedAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
		s := r.session()
		r.chunk(s, 3)
		wantCount(t, "recorded when the first chunk has left", int64(r.rec.Stats().Recorded), 1)
		for range 30 { // 3 s
			time.Sleep(100 * time.Millisecond)
			r.chunk(s, 2)
		}
		if n := r.rec.Stats().Recorded; n < 3 || n > 4 {
			t.Errorf("%d spans after 3 s, want one a second", n)
		}
		time.Sleep(incrementEvery)
		synctest.Wait()
		before := r.rec.Stats().Recorded
		time.Sleep(time.Minute) // it stands still
		wantCount(t, "recorded after a minute", int64(r.rec.Stats().Recorded), int64(before))
		r.chunk(s, 1)
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
		wantCount(t, "recorded at the end", int64(r.rec.Stats().Recorded), int64(before)+1)
		for id, n := range sums(t, r.end()) {
			if n != 3+30*2+1 {
				t.Errorf("%v fields of %s", n, id)
			}
		}
	})
}

// A direction that is admitted once and then ends is one span, as one that is
// kept whole.
func TestOneChunkIsOneSpan(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	s := r.session()
	r.chunk(s, 3)
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	uses := r.end()
	if len(uses) != 1 || uses[0]["sealmesh.fields"] != 3.0 || uses[0]["sealmesh.outcome"] != "ok" {
		t.Errorf("%v", uses)
	}
}

// That an exchange fails is recorded of the uses that were recorded before,
// too.
func TestFailureAfterAdmission(t *testing.T) {
	for name, more := range map[string]int{"nothing since": 0, "increments since": 2} {
		t.Run(name, func(t *testing.T) {
			m := keycachetest.NewKMS("a")
			text := foreign(t, 1, "v", m)[0]
			r := newRig(t, keyOf(m), Options{})
			s := r.session()
			r.chunk(s, 3)
			r.chunk(s, more)
			if _, _, err := s.Open(nil, r.tag, text); err != nil { // recorded with the failure alone
				t.Fatal(err)
			}
			if err := s.Close(errors.New("the client is gone")); err != nil {
				t.Fatal(err)
			}
			uses := r.end()
			if len(uses) != 3 || uses[0]["error.type"] != nil {
				t.Fatalf("%v", uses)
			}
			for _, u := range uses[1:] {
				if u["error.type"] != "exchange_failed" {
					t.Errorf("%v", u)
				}
			}
			sums(t, uses)
		})
	}
}

// What Admit let pass is recorded, however full the record is meanwhile:
// neither lost nor uncounted.
func TestAdmittedIncrementsHaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 14, "v", m)
		c := make(stuck)
		r := newRig(t, keyOf(m), Options{Recorder: stuckRecorder(t, c)})
		s := r.session()
		open := func(texts ...[]byte) {
			for _, text := range texts {
				if _, _, err := s.Open(nil, r.tag, text); err != nil {
					t.Fatal(err)
				}
			}
		}
		open(texts[0])
		for range 3 {
			if err := s.Admit(); err != nil {
				t.Fatal(err)
			}
			open(texts[0])
		}
		if err := s.Admit(); err != nil {
			t.Fatal(err)
		}
		use := []keyuse.Use{{Key: "other", Operation: "seal", Suite: "xaes-256-gcm", Cache: "hit", Tags: []string{"pii"}, Fields: 1}}
		others := uint64(0)
		for r.rec.Record(&keyuse.Exchange{Route: "other"}, use, keyuse.Reservation{}) == nil {
			others++
		}
		open(texts[1:]...)
		err := s.Admit()
		r.wantReason(err, AuditFull)
		r.wantReason(s.Close(err), AuditFull)
		if st := r.rec.Stats(); st.Recorded != others+2 || st.Dropped != 0 {
			t.Errorf("recorded %d besides %d others, dropped %d", st.Recorded-others, others, st.Dropped)
		}
		close(c)
		r.end()
	})
}

// Where nothing more can wait, increments are recorded at once. Those that wait
// take no room from others: 10,000 streams, as many as limits.streams allows,
// refuse nobody.
func TestManyStreamsRefuseNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
		var streams []*Session
		for range 10_000 {
			s := r.session()
			r.chunk(s, 1)
			r.chunk(s, 1)
			streams = append(streams, s)
			if len(streams)%1000 == 0 {
				synctest.Wait() // the exporter gets a turn
			}
		}
		if _, err := r.seal("v"); err != nil {
			t.Errorf("the next exchange: %v", err)
		}
		time.Sleep(2 * incrementEvery)
		wantCount(t, "recorded", int64(r.rec.Stats().Recorded), 20_001)
		for _, s := range streams {
			if err := s.Close(nil); err != nil {
				t.Fatal(err)
			}
		}
		wantCount(t, "lost", int64(r.rec.Stats().Dropped), 0)
		r.end()
	})
}

// An increment that finds the recorder closed is counted as lost: its key is
// used.
func TestIncrementAfterTheRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
		s := r.session()
		r.chunk(s, 1)
		r.chunk(s, 1)
		if err := r.rec.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * incrementEvery)
		wantCount(t, "lost", int64(r.rec.Stats().Dropped), 1)
		if err := s.Close(nil); err != nil {
			t.Error(err)
		}
		_ = r.Close()
	})
}
