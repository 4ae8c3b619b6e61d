package review

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func parks(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { _, err := Park(tx, id, by, []byte("sealed question of "+by)); return err })
}

func advises(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { _, err := Advise(tx, id, by, []byte("sealed answer of "+by)); return err })
}

func resumes(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { _, err := Resume(tx, id, by); return err })
}

func parked(t *testing.T, w store.Writer, by houvast.Actor, mine bool, limit int) (ids []houvast.CaseID) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		found, err := Parked(tx, by, mine, limit)
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A parked case is handed to nobody for a day; who asked may take it up again, nobody answers their
// own question, and afterwards it is in the queue with all that was said.
func TestPark(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		want(t, "parking what nobody took", parks(t, w, id, anna), "claim-lost")
		pulls(t, w, anna, id)
		want(t, "parking another's", parks(t, w, id, bram), "claim-lost")
		want(t, "advising what is not parked", advises(t, w, id, bram), "not-parked")
		want(t, "resuming what is not parked", resumes(t, w, id, anna), "not-parked")
		if c := get(t, w, id); c.Advice != nil || c.ClaimedBy != anna {
			t.Errorf("after refusals: %+v", c)
		}
		want(t, "parking", parks(t, w, id, anna), "")
		c := get(t, w, id)
		if c.State != Open || c.ClaimedBy != "" || !c.ClaimEnds.IsZero() || c.ParkedBy != anna || c.Parked != noon.Add(ParkTime) || string(c.Advice) != "sealed question of user:anna" {
			t.Errorf("parked: %+v", c)
		}
		for _, by := range []houvast.Actor{anna, bram} {
			_, code := pull(t, w, by)
			want(t, string(by)+" pulls while it is parked", code, "queue-empty")
		}
		want(t, "deciding what is parked", decides(t, w, id, anna, Verdict{Decision: "not_abuse"}), "claim-lost")
		want(t, "looking at what is parked", write(t, w, func(tx *store.Tx) error { _, err := Grant(tx, id, anna, LevelGrey, false); return err }), "claim-lost")
		want(t, "giving back what is parked", write(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, anna) }), "claim-lost")
		want(t, "parking twice", parks(t, w, id, anna), "claim-lost")

		want(t, "advising oneself", advises(t, w, id, anna), "own-question")
		if c := get(t, w, id); string(c.Advice) != "sealed question of user:anna" {
			t.Errorf("a refused answer was kept: %s", c.Advice)
		}
		changed := w.DB().Changed(Topic)
		want(t, "advising", advises(t, w, id, bram), "")
		select {
		case <-changed:
		default:
			t.Error("nobody was told that there is an answer")
		}
		want(t, "resuming another's", resumes(t, w, id, bram), "not-yours")
		want(t, "resuming", resumes(t, w, id, anna), "")
		pulls(t, w, anna, id)
		if c := get(t, w, id); c.ParkedBy != "" || !c.Parked.IsZero() || string(c.Advice) != "sealed answer of user:bram" || c.ClaimEnds != noon.Add(ClaimTime) {
			t.Errorf("resumed: %+v", c)
		}
		want(t, "advising what was resumed", advises(t, w, id, bram), "not-parked")

		want(t, "parking again", parks(t, w, id, anna), "")
		clock.Advance(ParkTime - time.Microsecond)
		_, code := pull(t, w, bram)
		want(t, "a moment too early", code, "queue-empty")
		want(t, "advising at the last moment", advises(t, w, id, bram), "")
		clock.Advance(time.Microsecond)
		want(t, "resuming what is back in the queue", resumes(t, w, id, anna), "not-parked")
		want(t, "advising what is back in the queue", advises(t, w, id, bram), "not-parked")
		pulls(t, w, bram, id) // for anyone
		if c := get(t, w, id); string(c.Advice) != "sealed answer of user:bram" || c.ParkedBy != "" {
			t.Errorf("pulled afterwards: %+v", c)
		}
		want(t, "deciding", decides(t, w, id, bram, Verdict{Decision: "not_abuse"}), "")
		if c := get(t, w, id); c.Advice == nil {
			t.Error("the conversation went with the decision")
		}
		must(t, w, func(tx *store.Tx) error { return Forget(tx, id) })
		if c := get(t, w, id); c.Advice != nil {
			t.Errorf("after its key is destroyed the case keeps %q", c.Advice)
		}
		want(t, "an unknown case", resumes(t, w, 1, anna), "not_found")
	})
}

// One claim a person also holds when a parked case is resumed.
func TestResumeWithAnotherClaim(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		first := put(t, w, likeness)
		pulls(t, w, anna, first)
		want(t, "parking", parks(t, w, first, anna), "")
		second := put(t, w, likeness)
		pulls(t, w, anna, second)
		want(t, "resuming with a claim", resumes(t, w, first, anna), "claim-held")
		if c := get(t, w, first); c.ClaimedBy != "" || c.ParkedBy != anna {
			t.Errorf("after the refusal: %+v", c)
		}
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, second, anna) })
		want(t, "resuming without one", resumes(t, w, first, anna), "")
	})
}

func TestParkedAreListed(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var ids []houvast.CaseID
		for range 3 {
			id := put(t, w, likeness)
			pulls(t, w, anna, id)
			want(t, "parking", parks(t, w, id, anna), "")
			ids = append(ids, id)
			clock.Advance(time.Hour)
		}
		if got := parked(t, w, anna, true, 9); !reflect.DeepEqual(got, ids) {
			t.Errorf("%v, want %v", got, ids)
		}
		if got := parked(t, w, bram, false, 2); !reflect.DeepEqual(got, ids[:2]) {
			t.Errorf("%v, want %v", got, ids[:2])
		}
		if mine, others := parked(t, w, bram, true, 9), parked(t, w, anna, false, 9); len(mine)+len(others) > 0 {
			t.Errorf("bram parked %v, and others than anna %v", mine, others)
		}
		must(t, w, func(tx *store.Tx) error { return Forget(tx, ids[1]) })
		clock.Advance(ParkTime - 3*time.Hour)
		if got := parked(t, w, anna, true, 9); !reflect.DeepEqual(got, ids[2:]) {
			t.Errorf("a day after the first: %v, want %v", got, ids[2:])
		}
		pulls(t, w, bram, ids[0])
		want(t, "a case that ended while it was parked", resumes(t, w, ids[1], anna), "not-parked")
	})
}

func TestConversation(t *testing.T) {
	note := func(kind NoteKind, words string) Note { return Note{kind, anna, noon, words} }
	var all Conversation
	add := func(n Note) string {
		next, err := all.Add(n)
		if err == nil {
			all = next
		}
		return codeOf(err)
	}
	want(t, "no words", add(note(NoteAsked, " \n\t")), "words-missing")
	want(t, "too many", add(note(NoteAsked, strings.Repeat("é", MaxNoteWords+1))), "words-too-long")
	want(t, "just enough", add(note(NoteAsked, " "+strings.Repeat("é", MaxNoteWords)+"\n")), "")
	if len(all) != 1 || len([]rune(all[0].Words)) != MaxNoteWords {
		t.Errorf("%d notes", len(all))
	}
	for i := range MaxNotes - 1 {
		want(t, "a note", add(note(NoteAdvised, fmt.Sprint("words ", i))), "")
	}
	want(t, "a question too many", add(note(NoteAsked, "w")), "conversation-full")
	want(t, "an answer too many", add(note(NoteAdvised, "w")), "conversation-full")
	for range maxReturns {
		want(t, "a second person is still heard", add(note(NoteSentBack, "w")), "")
	}
	want(t, "even that has an end", add(note(NoteSentBack, "w")), "conversation-full")

	text, err := all.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseConversation(text)
	if err != nil || !reflect.DeepEqual(back, all) {
		t.Errorf("%v: %v", err, back)
	}
	if _, err := ParseConversation(text[1:]); houvast.KindOf(err) != houvast.Corrupt || bytes.Contains([]byte(err.Error()), []byte("words 3")) {
		t.Errorf("what cannot be read: %v", err)
	}

	short := all[:3]
	a, _ := short.Add(note(NoteSentBack, "one"))
	b, _ := short.Add(note(NoteSentBack, "other"))
	if a[3].Words != "one" || b[3].Words != "other" || len(all) != MaxNotes+maxReturns {
		t.Error("two additions to one conversation overwrite each other")
	}
}
