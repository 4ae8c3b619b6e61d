package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/draw"
)

// What becomes of a picture in the walk.
const (
	crashOther    = "no match"
	crashBroken   = "could not look"
	crashAbuse    = "abuse"
	crashNotAbuse = "not_abuse"
	crashUnclear  = "cannot_tell"
	crashOpen     = "nobody decided"
)

// crashAhead is how far the clock is ahead in each part of a walk. In the second part every hour of
// the configuration is past, and nothing that is held or preserved has ended; in the third all has.
func crashAhead() [crashParts]time.Duration {
	return [crashParts]time.Duration{0, 3 * time.Hour, 400 * 24 * time.Hour}
}

// crashParts is the number of parts of a walk.
const crashParts = 3

// A crashPicture is one upload.
type crashPicture struct {
	role string
	data []byte
	sha  string
	id   houvast.ItemID // once it was acknowledged
}

// newCrashPicture draws a picture that no other seed draws.
func newCrashPicture(role string, seed uint64) *crashPicture {
	data := draw.PNG(draw.Picture(draw.Landscape, 96, 96, seed))
	if role == crashBroken {
		data = fmt.Appendf(draw.NotAPicture(), "%d\n", seed)
	}
	sum := sha256.Sum256(data)
	return &crashPicture{role: role, data: data, sha: hex.EncodeToString(sum[:])}
}

// known reports whether the picture is on the list.
func (p *crashPicture) known() bool { return p.role != crashOther && p.role != crashBroken }

// A crashWalk is everything that people and the platform do in one installation, once each.
type crashWalk struct {
	*crashSite
	pictures []*crashPicture
	tries    int
	platform string // key of the platform's service
	ann, ben string // sessions: reviewer and approver
}

// newCrashWalk draws the pictures of one walk from a seed. What matches nothing comes first.
func newCrashWalk(s *crashSite, seed uint64) *crashWalk {
	w := &crashWalk{crashSite: s}
	for i, role := range []string{crashOther, crashAbuse, crashNotAbuse, crashUnclear, crashBroken, crashOpen} {
		w.pictures = append(w.pictures, newCrashPicture(role, seed<<8|uint64(i)))
	}
	return w
}

// part carries out one part of the walk. The first ends with the filed report; in the others the
// clock is ahead and nobody does anything: what is due ends by itself.
func (w *crashWalk) part(n int) error {
	if n > 0 {
		w.env = []string{"HOUVAST_CLOCK_OFFSET=" + crashAhead()[n].String()}
		if err := w.expired(n); err != nil {
			return err
		}
		return w.settled()
	}
	for _, step := range []func() error{w.staff, w.list, w.uploads, w.decide, w.uploadLast, w.approve, w.settled} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// staff makes two accounts and the platform's key, and signs both in. An account that a killed
// server has made already is there; a key that nobody saw is made anew.
func (w *crashWalk) staff() error {
	for name, role := range map[string]string{"ann": "reviewer", "ben": "approver"} {
		err := w.do("add "+name, func(srv *crashServer) error {
			err := post(srv.control, "/api/v1/users", "", map[string]any{"name": name, "roles": []string{role}, "password": "a long password of " + name}, nil)
			if houvast.KindOf(err) == houvast.Conflict {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	err := w.do("make a key", func(srv *crashServer) error {
		var k keyLine
		w.tries++
		err := post(srv.control, "/api/v1/keys", "", map[string]any{"name": fmt.Sprint("service-", w.tries), "source": "service", "scopes": []string{"items"}}, &k)
		w.platform = k.Key
		return err
	})
	for name, token := range map[string]*string{"ann": &w.ann, "ben": &w.ben} {
		if err == nil {
			err = w.do("sign in", func(srv *crashServer) error {
				var s struct{ Token string }
				err := post(srv.as(""), "/api/v1/sessions", "", map[string]string{"name": name, "password": "a long password of " + name}, &s)
				*token = s.Token
				return err
			})
		}
	}
	return err
}

func post(c *client.Client, path, key string, in, out any) error {
	return c.Call(context.Background(), "POST", path, key, in, out)
}

// list makes a verified list of the known pictures.
func (w *crashWalk) list() error {
	err := w.do("make a bank", func(srv *crashServer) error {
		return post(srv.control, "/api/v1/banks", "bank", map[string]any{"name": "known", "category": "exploitation", "trust": "verified"}, nil)
	})
	if err != nil {
		return err
	}
	var known []string
	for _, p := range w.pictures {
		if p.known() {
			known = append(known, p.sha)
		}
	}
	if known == nil {
		return nil
	}
	return w.importing(known...)
}

// importing puts pictures on the list. To import a row again changes nothing.
func (w *crashWalk) importing(shas ...string) error {
	csv := "sha256\n" + strings.Join(shas, "\n") + "\n"
	return w.do("import", func(srv *crashServer) error {
		answer, err := srv.control.Stream(context.Background(), "POST", "/api/v1/banks/known/import", "", "text/csv", strings.NewReader(csv))
		if err != nil {
			return err
		}
		return answer.Close()
	})
}

// upload hands a picture in until it is acknowledged.
func (w *crashWalk) upload(p *crashPicture) error {
	return w.do("upload "+p.role, func(srv *crashServer) (err error) {
		up := houvast.Upload{Account: houvast.AccountRef{ID: "account of " + p.sha[:8]}, UploadedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), IP: "192.0.2.7"}
		p.id, err = srv.as(w.platform).Upload(context.Background(), "upload "+p.sha, up, "picture.png", bytes.NewReader(p.data))
		return err
	})
}

func (w *crashWalk) uploads() error {
	for _, p := range w.pictures {
		if p.role != crashOpen {
			if err := w.upload(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// uploadLast hands in what nobody will decide, when everything else is decided, so that no reviewer
// pulls it in the meantime.
func (w *crashWalk) uploadLast() error {
	for _, p := range w.pictures {
		if p.role == crashOpen {
			return w.upload(p)
		}
	}
	return nil
}

// A crashPulled is what a reviewer is given.
type crashPulled struct {
	Case  string
	Facts struct{ SHA256 string }
}

func (w *crashWalk) pull(srv *crashServer) (c crashPulled, err error) {
	err = post(srv.as(w.ann), "/api/v1/review/next", "", nil, &c)
	return c, err
}

// decide has the reviewer pull and decide all cases, and the approver agree where a second person must.
func (w *crashWalk) decide() error {
	for left := 3; left > 0; left-- {
		var c crashPulled
		err := w.do("pull a case", func(srv *crashServer) (err error) {
			if c, err = w.pull(srv); houvast.CodeOf(err) == "queue-empty" {
				err = errNotYet
			}
			return err
		})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(w.pictures, func(p *crashPicture) bool { return p.sha == c.Facts.SHA256 })
		if i < 0 {
			return fmt.Errorf("a case about a picture that nobody uploaded: %s", c.Facts.SHA256)
		}
		p := w.pictures[i]
		if err := w.verdict(c.Case, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *crashWalk) verdict(id string, p *crashPicture) error {
	verdict := map[string]any{"decision": p.role}
	if p.role == crashAbuse {
		verdict["role"] = "uploader"
	}
	err := w.do("decide "+p.role, func(srv *crashServer) error {
		return post(srv.as(w.ann), "/api/v1/cases/"+id+"/decision", "decide "+id, verdict, nil)
	})
	if err != nil || p.role != crashUnclear {
		return err
	}
	return w.do("agree", func(srv *crashServer) error {
		return post(srv.as(w.ben), "/api/v1/cases/"+id+"/confirm", "agree "+id, map[string]bool{"agree": true}, nil)
	})
}

// approve has the approver approve every draft and every removal.
func (w *crashWalk) approve() error {
	var reports []reportLine
	err := w.do("look for drafts", func(srv *crashServer) error {
		reports = nil
		return each(context.Background(), srv.control, "/api/v1/reports", func(l reportLine) error { reports = append(reports, l); return nil })
	})
	for _, r := range reports {
		if err == nil {
			err = w.do("approve a report", func(srv *crashServer) error {
				return post(srv.as(w.ben), "/api/v1/reports/"+r.Report+"/approve", "approve "+r.Report, nil, nil)
			})
		}
	}
	var acts []crashAction
	if err == nil {
		err = w.do("look for removals", func(srv *crashServer) (err error) {
			acts, err = crashActions(srv)
			return err
		})
	}
	for _, a := range acts {
		if err == nil && a.Kind == "remove" {
			err = w.do("approve a removal", func(srv *crashServer) error {
				return post(srv.as(w.ben), "/api/v1/actions/"+url.PathEscape(a.Action)+"/approve", "approve "+a.Action, nil, nil)
			})
		}
	}
	return err
}

// A crashAction is an action as the API lists it.
type crashAction struct{ Action, Kind, Subject, State, Answer string }

func crashActions(srv *crashServer) (all []crashAction, err error) {
	err = each(context.Background(), srv.control, "/api/v1/actions", func(a crashAction) error { all = append(all, a); return nil })
	return all, err
}

// settled waits until nothing is on its way any more: items looked at, reports finished, actions done.
func (w *crashWalk) settled() error {
	return w.do("wait until all is done", func(srv *crashServer) error {
		items, err := crashCounts(srv)
		if err != nil {
			return err
		}
		if n := items[string(houvast.ItemReceived)]; n > 0 {
			return fmt.Errorf("%w: %d items wait", errNotYet, n)
		}
		err = each(context.Background(), srv.control, "/api/v1/reports", func(l reportLine) error {
			if l.State == "needs_human" {
				return fmt.Errorf("a report needs a person: %s", l.Trouble)
			}
			if l.State != "finished" {
				return fmt.Errorf("%w: a report is %s", errNotYet, l.State)
			}
			return nil
		})
		if err != nil {
			return err
		}
		acts, err := crashActions(srv)
		for _, a := range acts {
			if err == nil && a.State != "done" {
				err = fmt.Errorf("%w: %s is %s %s", errNotYet, a.Kind, a.State, a.Answer)
			}
		}
		return err
	})
}

func crashItem(srv *crashServer, id houvast.ItemID) (it itemLine, err error) {
	err = srv.control.Call(context.Background(), "GET", "/api/v1/items/"+url.PathEscape(string(id)), "", nil, &it)
	return it, err
}

// crashCounts returns how many items there are, by state.
func crashCounts(srv *crashServer) (map[string]int, error) {
	var doctor struct{ Items map[string]int }
	err := srv.control.Call(context.Background(), "GET", "/api/v1/doctor", "", nil, &doctor)
	return doctor.Items, err
}

// expired waits until everything that is due in a part has ended: the bytes of what is to be gone,
// and the withhold of what nobody decided.
func (w *crashWalk) expired(part int) error {
	return w.do("wait until what was due has ended", func(srv *crashServer) error {
		acts, err := crashActions(srv)
		if err != nil {
			return err
		}
		kept := map[string]string{}
		err = each(context.Background(), srv.control, "/api/v1/evidence", func(l evidenceLine) error { kept[l.Item] = l.State; return nil })
		if err != nil {
			return err
		}
		for _, p := range w.pictures {
			want := wants(p.role, part)
			if have := kept[string(p.id)]; have != want.evidence {
				return fmt.Errorf("%w: the evidence of %s is %s", errNotYet, p.role, have)
			}
			it, err := crashItem(srv, p.id)
			if err != nil {
				return err
			}
			if it.State != want.state {
				return fmt.Errorf("%w: %s is %s", errNotYet, p.role, it.State)
			}
			if p.role == crashOpen && !slices.ContainsFunc(acts, func(a crashAction) bool { return a.Kind == "release" && a.Subject == string(p.id) }) {
				return fmt.Errorf("%w: the withhold has not run out", errNotYet)
			}
		}
		return nil
	})
}
