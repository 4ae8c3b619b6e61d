package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

// A counter is an API that receives items and looks at none: adopt is told instead.
type counter struct {
	*API
	handler http.Handler
	key     access.Secret
}

func newCounter(t *testing.T, w store.Writer, adopt func(task.Bell)) counter {
	t.Helper()
	at := t.TempDir()
	keys, err := seal.Open(t.Context(), filepath.Join(at, "keys"), w.DB().Clock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	blobs, err := dir.Open(filepath.Join(at, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	a, _ := bare(t)
	a.P = desk.Desk{Pipeline: &pipeline.Pipeline{W: w, Keys: keys, Blobs: blobs, Settings: pipeline.Settings{MaxBytes: 1 << 20}, Log: slog.New(slog.DiscardHandler)}}
	a.Adopt = adopt
	c := counter{API: a}
	if c.handler, err = a.Handler(); err != nil {
		t.Fatal(err)
	}
	err = w.Update(t.Context(), func(tx *store.Tx) (err error) {
		c.key, _, err = access.CreateKey(tx, access.NewKey{Name: "forum", Scopes: []access.Scope{access.ScopeItems}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handIn sends an upload and returns when its answer was read to the end.
func handIn(url string, key access.Secret, data string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "a.txt")
	if err != nil {
		return err
	}
	io.WriteString(part, data)
	form.Close()
	req, err := http.NewRequest("POST", url+"/api/v1/items", &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+string(key))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var got struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusAccepted || got.ID == "" {
		return errors.Join(err, fmt.Errorf("status %d", resp.StatusCode))
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// answeredFirst uploads through wrapped and reports whether the platform had read the whole answer
// before the item was given away to be looked at. It waits for that no longer than wait.
func answeredFirst(t *testing.T, w store.Writer, wait time.Duration, wrapped func(http.Handler) http.Handler) (first bool) {
	t.Helper()
	read, adopted := make(chan struct{}), make(chan bool, 1)
	c := newCounter(t, w, func(b task.Bell) {
		select {
		case <-read:
			adopted <- true
		case <-time.After(wait):
			adopted <- false
		}
	})
	server := httptest.NewServer(wrapped(c.handler))
	defer server.Close()
	if err := handIn(server.URL, c.key, "a text"); err != nil {
		t.Fatal(err)
	}
	close(read)
	select {
	case first = <-adopted:
	case <-time.After(10 * time.Second):
		t.Fatal("the item was never given away")
	}
	return first
}

// Nothing about the answer to an upload, its time included, can depend on what the file is: the whole
// answer is with the platform before anything may look at the item.
func TestAnswerComesBeforeTheLook(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		if !answeredFirst(t, w, 10*time.Second, func(h http.Handler) http.Handler { return h }) {
			t.Error("the item was given away while its answer was still waited for")
		}
	})
}

// The control: with an answer that is only written when the handler has ended, as without the flush,
// the judge says so.
func TestAnswerComesBeforeTheLookControl(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		late := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, r)
				w.WriteHeader(answer.Code)
				w.Write(answer.Body.Bytes())
			})
		}
		if answeredFirst(t, w, 200*time.Millisecond, late) {
			t.Error("an answer that was written last passed for one that was written first")
		}
	})
}

// A bell is hung with the row, so that an item whose answer could not be written is looked at too; but
// until then, or until its lease ends, nobody else answers it.
func TestBellIsHeldUntilTheAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		var given []task.Bell
		c := newCounter(t, w, func(b task.Bell) { given = append(given, b) })
		server := httptest.NewServer(c.handler)
		defer server.Close()
		if err := handIn(server.URL, c.key, "a text"); err != nil {
			t.Fatal(err)
		}
		server.Close() // waits for the handler
		var held int
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			return tx.Row("SELECT COUNT(*) FROM task WHERE kind = 'match' AND expires > 0", nil, &held)
		})
		if err != nil || held != 1 || len(given) != 1 {
			t.Errorf("%d bells are held and %d were given away, %v", held, len(given), err)
		}
	})
}
