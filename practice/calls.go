package practice

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/houvast/houvast/practice/schema"
)

// status is the health probe: it says who is asking and from where, and has no report id.
func (c *Clearinghouse) status(r *http.Request) reply {
	return result{text: "Remote User : " + c.cfg.User + ", Remote Ip : " + host(r)}.reply(http.StatusOK)
}

func (c *Clearinghouse) xsd(*http.Request) reply {
	return reply{http.StatusOK, mimeXML, c.schema.XSD(), 0, nil}
}

// document reads and checks an XML body whose root must be want.
func (c *Clearinghouse) document(r *http.Request, want string) (raw []byte, root *schema.Node, no *reply) {
	fail := func(code int, text string) ([]byte, *schema.Node, *reply) {
		v := refuse(code, text)
		return nil, nil, &v
	}
	if !isXML(r) {
		return fail(4000, "Content-Type must be text/xml; charset=utf-8")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxDocument+1))
	if err != nil || len(raw) > maxDocument {
		return fail(4000, "Request body is incomplete or too large")
	}
	if root, err = schema.Parse(raw); err != nil {
		return fail(4110, "Malformed XML - "+err.Error())
	}
	if err := c.schema.Validate(root, want); err != nil {
		return fail(4100, "Validation failed - "+err.Error())
	}
	return raw, root, nil
}

// submit opens a report. It files nothing.
func (c *Clearinghouse) submit(r *http.Request) reply {
	raw, root, no := c.document(r, "report")
	if no != nil {
		return *no
	}
	sum := sha256.Sum256(raw)
	return c.change(func(now time.Time) (reply, error) {
		if err := checkRules(root, now); err != nil {
			return refuse(4100, "Validation failed - "+err.Error()), nil
		}
		if len(c.reports) >= c.limit {
			return refuse(1100, "Save failed"), nil
		}
		rep := &report{
			id: c.next, opened: now, changed: now, sha256: hex.EncodeToString(sum[:]),
			incidentType: root.Child("incidentSummary").ChildText("incidentType"),
		}
		for _, n := range root.Children {
			switch n.Name.Local {
			case "personOrUserReported":
				if id := n.Child("espIdentifier"); id != nil {
					rep.identifiers = append(rep.identifiers, id.Text)
				}
			case "victim":
				rep.victims++
			}
		}
		if err := c.record(rep.event(Opened, now)); err != nil {
			return reply{}, err
		}
		c.next++
		c.reports[rep.id], c.open[rep.id] = rep, rep
		return result{text: "Success", report: rep.id}.reply(http.StatusOK), nil
	})
}

// upload takes one file: the part id, then the part file with a file name, and nothing else.
func (c *Clearinghouse) upload(r *http.Request) reply {
	parts, err := formData(r)
	if err != nil {
		return refuse(4000, "Content-Type must be multipart/form-data")
	}
	id, err := idPart(parts)
	if err != nil {
		return refuse(4000, "Invalid request - "+err.Error())
	}
	part, err := parts.NextRawPart()
	if err != nil || part.FormName() != "file" || part.FileName() == "" {
		return refuse(4000, "Invalid request - the second part must be file, with a file name")
	}
	m, s1, s2 := md5.New(), sha1.New(), sha256.New()
	size, err := io.Copy(io.MultiWriter(m, s1, s2), io.LimitReader(part, c.cfg.MaxUpload+1))
	if err != nil {
		return refuse(1110, "Upload failed")
	}
	if size > c.cfg.MaxUpload {
		return refuse(1111, "File upload failed")
	}
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		return refuse(4000, "Invalid request - nothing may follow file")
	}
	return c.change(func(now time.Time) (reply, error) {
		rep, no := c.find(id)
		if no != nil {
			return *no, nil
		}
		f := File{
			FileID: randomID(), Size: size, MD5: hex.EncodeToString(m.Sum(nil)),
			SHA1: hex.EncodeToString(s1.Sum(nil)), SHA256: hex.EncodeToString(s2.Sum(nil)),
		}
		return c.keep(rep, Uploaded, f, append(slices.Clone(rep.files), f), now)
	})
}

// fileinfo describes one uploaded file; sent again it replaces what it said before.
func (c *Clearinghouse) fileinfo(r *http.Request) reply {
	_, root, no := c.document(r, "fileDetails")
	if no != nil {
		return *no
	}
	id, _ := strconv.ParseInt(schema.Collapse(root.ChildText("reportId")), 10, 64) // xs:long by now
	fileID := schema.Collapse(root.ChildText("fileId"))
	return c.change(func(now time.Time) (reply, error) {
		rep, no := c.find(id)
		if no != nil {
			return *no, nil
		}
		i := slices.IndexFunc(rep.files, func(f File) bool { return f.FileID == fileID })
		if i < 0 {
			return refuse(5002, "File does not exist"), nil
		}
		files := slices.Clone(rep.files)
		f := &files[i]
		f.Descriptions++
		f.Viewed = truth(root.Child("fileViewedByEsp"))
		f.ExifViewed = truth(root.Child("exifViewedByEsp"))
		f.Public = truth(root.Child("publiclyAvailable"))
		f.Relevance = root.ChildText("fileRelevance")
		if f.Relevance == "" {
			f.Relevance = "Reported"
		}
		return c.keep(rep, Described, *f, files, now)
	})
}

// keep records the event with the new files and only then gives them to the report. The caller
// holds mu.
func (c *Clearinghouse) keep(rep *report, kind string, f File, files []File, now time.Time) (reply, error) {
	if err := c.record(rep.event(kind, now, f)); err != nil {
		return reply{}, err
	}
	rep.files, rep.changed = files, now
	v := result{text: "Success", report: rep.id, file: f.FileID}
	if kind == Uploaded {
		v.hash = f.MD5
	}
	out := v.reply(http.StatusOK)
	out.files = []string{files[0].FileID}
	return out, nil
}

// finish files the report. There is no way back.
func (c *Clearinghouse) finish(r *http.Request) reply {
	return c.end(r, Finished, func(rep *report, now time.Time) reply {
		return done(rep.id, rep.event(Finished, now, rep.files...).FileIDs)
	})
}

// retract withdraws an open report.
func (c *Clearinghouse) retract(r *http.Request) reply {
	return c.end(r, Retracted, func(rep *report, _ time.Time) reply {
		return result{text: "Success", report: rep.id}.reply(http.StatusOK)
	})
}

func (c *Clearinghouse) end(r *http.Request, how string, answer func(*report, time.Time) reply) reply {
	id, err := formID(r)
	if err != nil {
		return refuse(4000, "Invalid request - "+err.Error())
	}
	return c.change(func(now time.Time) (reply, error) {
		rep, no := c.find(id)
		if no != nil {
			return *no, nil
		}
		if err := c.record(rep.event(how, now, rep.files...)); err != nil {
			return reply{}, err
		}
		rep.end, rep.changed = how, now
		delete(c.open, rep.id)
		return answer(rep, now), nil
	})
}

// formID reads the one field id from either form encoding (section 1.2).
func formID(r *http.Request) (int64, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/x-www-form-urlencoded" {
		raw, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
		if err != nil || len(raw) > maxForm {
			return 0, errors.New("the form is incomplete or too large")
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil || len(form) != 1 || len(form["id"]) != 1 {
			return 0, errors.New("the form must have one id and nothing else")
		}
		return parseID(form.Get("id"))
	}
	parts, err := formData(r)
	if err != nil {
		return 0, errors.New("Content-Type must be multipart/form-data or application/x-www-form-urlencoded")
	}
	id, err := idPart(parts)
	if err != nil {
		return 0, err
	}
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		return 0, errors.New("nothing may follow id")
	}
	return id, nil
}

// formData returns the parts of a multipart/form-data body. http.Request.MultipartReader would also
// take multipart/mixed.
func formData(r *http.Request) (*multipart.Reader, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, errors.New("not a form")
	}
	return multipart.NewReader(r.Body, params["boundary"]), nil
}

func idPart(parts *multipart.Reader) (int64, error) {
	part, err := parts.NextRawPart()
	if err != nil || part.FormName() != "id" || part.FileName() != "" {
		return 0, errors.New("the first part must be id")
	}
	raw, err := io.ReadAll(io.LimitReader(part, 32))
	if err != nil {
		return 0, errors.New("the first part is incomplete")
	}
	return parseID(string(raw))
}

func parseID(v string) (int64, error) {
	id, err := strconv.ParseInt(v, 10, 64)
	if err != nil || id <= 0 {
		return 0, errors.New("id must be a report id")
	}
	return id, nil
}

// truth puts an xs:boolean into one spelling; "" for an element that is not there.
func truth(n *schema.Node) string {
	if n == nil {
		return ""
	}
	switch v := schema.Collapse(n.Text); v {
	case "1":
		return "true"
	case "0":
		return "false"
	default:
		return v
	}
}
