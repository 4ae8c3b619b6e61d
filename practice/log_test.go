package practice

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// recorder is a log that notes the order of writes, syncs and replies, and fails when told to.
type recorder struct {
	steps []string
	fail  string
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.fail == "write" {
		return 0, errors.New("no space")
	}
	r.steps = append(r.steps, "write")
	return len(p), nil
}

func (r *recorder) Sync() error {
	if r.fail == "sync" {
		return errors.New("input/output error")
	}
	r.steps = append(r.steps, "sync")
	return nil
}

// noted is a ResponseWriter that puts the reply into the same order.
type noted struct {
	*httptest.ResponseRecorder
	r *recorder
}

func (n noted) WriteHeader(code int) {
	n.r.steps = append(n.r.steps, "reply")
	n.ResponseRecorder.WriteHeader(code)
}

func TestLogIsSyncedBeforeTheReply(t *testing.T) {
	log := &recorder{}
	c, k := house(Config{Log: log})
	id := start.Unix()
	for _, r := range []*http.Request{submitRequest(), uploadRequest(id, "x"), endRequest("finish", id), endRequest("finish", id), submitRequest()} {
		log.steps = nil
		c.ServeHTTP(noted{httptest.NewRecorder(), log}, r)
		if got := strings.Join(log.steps, " "); got != "write sync reply" {
			t.Errorf("%s: %s", r.URL.Path, got)
		}
	}
	log.steps = nil
	k.set(24 * time.Hour)
	c.ServeHTTP(noted{httptest.NewRecorder(), log}, endRequest("finish", id+1))
	if got := strings.Join(log.steps, " "); got != "write sync write sync reply" {
		t.Errorf("lapse and refusal: %s", got)
	}
}

// What cannot be logged does not happen, and after that nothing does.
func TestBrokenLog(t *testing.T) {
	for _, how := range []string{"write", "sync"} {
		for _, call := range []string{"submit", "upload", "fileinfo", "finish", "retract", "lapse"} {
			log := &recorder{}
			c, k := house(Config{Log: log})
			id := send(t, c, submitRequest()).report
			file := send(t, c, uploadRequest(id, "x")).file
			before := fmt.Sprintf("%+v %d", *c.reports[id], len(c.reports))
			log.fail = how
			r := map[string]*http.Request{"submit": submitRequest(), "upload": uploadRequest(id, "y"), "fileinfo": fileinfoRequest(id, file, ""),
				"finish": endRequest("finish", id), "retract": endRequest("retract", id), "lapse": endRequest("finish", id)}[call]
			if call == "lapse" {
				k.set(25 * time.Hour)
			}
			want(t, call, send(t, c, r), 1000)
			if after := fmt.Sprintf("%+v %d", *c.reports[id], len(c.reports)); after != before {
				t.Errorf("%s, %s: %s became %s", how, call, before, after)
			}
			log.fail = ""
			want(t, "after the failure", send(t, c, submitRequest()), 1000)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, _ := house(Config{Log: w})
	want(t, "a pipe needs no sync", send(t, c, submitRequest()), 0)
	w.Close()
	want(t, "a closed pipe", send(t, c, submitRequest()), 1000)
}
