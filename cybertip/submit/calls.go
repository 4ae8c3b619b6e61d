package submit

import (
	"context"
	"io"
	"net/url"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
)

// Status asks whether the service is there and knows the credentials. It changes nothing and is safe
// in production.
func (c *Client) Status(ctx context.Context) (Answer, error) {
	a, _, err := c.do(ctx, CallStatus, "", nil)
	return a, err
}

// XSD fetches the schema of the format; it is the raw reply of the answer.
func (c *Client) XSD(ctx context.Context) (Answer, error) {
	a, _, err := c.do(ctx, CallXSD, "", nil)
	return a, err
}

// Submit opens a report with a document that cybertip.Encode wrote and returns its id. Nothing is
// filed yet; a report that is not finished lapses at the service.
func (c *Client) Submit(ctx context.Context, doc []byte) (reportID int64, a Answer, err error) {
	const op = "submit.submit"
	if len(doc) == 0 {
		return 0, Answer{Call: CallSubmit, Outcome: Refused, Code: NoCode}, houvast.Errorf(op, houvast.Invalid, "no-document", "there is no document to send")
	}
	a, rep, err := c.do(ctx, CallSubmit, cybertip.ContentType, smallBody(doc))
	if err == nil && rep.reportID == 0 {
		err = a.doubt(op, "no-report-id", "the reply says success without a report id")
	}
	if err != nil {
		return 0, a, err
	}
	return rep.reportID, a, nil
}

// Upload streams a file of size bytes to an open report. It returns the id that the service gave the
// file and the MD5, in lower-case hex, of what was sent, which is also what the service says it
// received. Another MD5 in the reply is an error with code "md5-mismatch": the report now holds a
// file that is not ours, so it must be retracted and opened anew.
//
// The name must be plain ASCII without quotes and slashes. A source that fails, or whose length is
// not size, ends the upload before the form is complete; the error is the source's, or has the code
// "size-mismatch".
func (c *Client) Upload(ctx context.Context, reportID int64, filename string, r io.Reader, size int64) (fileID, md5 string, a Answer, err error) {
	const op = "submit.upload"
	if reportID <= 0 || size < 0 || r == nil || !plainName(filename) {
		return "", "", Answer{Call: CallUpload, Outcome: Refused, Code: NoCode},
			houvast.Errorf(op, houvast.Invalid, "bad-upload", "the report id, the file name or the size cannot be used").
				WithHint("name the file plainly, such as file-1.jpg; the original name goes into the file details")
	}
	b, contentType := fileBody(strconv.FormatInt(reportID, 10), filename, r, size)
	a, rep, err := c.do(ctx, CallUpload, contentType, b)
	if err != nil {
		return "", "", a, err
	}
	sent, whole := b.md5()
	switch {
	case rep.reportID != 0 && rep.reportID != reportID:
		err = a.doubt(op, "wrong-report", "the reply is about another report")
	case rep.fileID == "" || rep.hash == "":
		err = a.doubt(op, "no-file-id", "the reply says success without a file id and a hash")
	case !whole:
		err = a.doubt(op, "cut-upload", "the reply came before the whole file was sent")
	case rep.hash != sent:
		a.Outcome = InDoubt
		err = houvast.Errorf(op, houvast.Corrupt, "md5-mismatch", "the service received other bytes than were sent").
			WithHint("retract the report and open it anew")
	}
	if err != nil {
		return "", "", a, err
	}
	return rep.fileID, sent, a, nil
}

// FileInfo describes an uploaded file with a document that cybertip.EncodeFileDetails wrote.
func (c *Client) FileInfo(ctx context.Context, doc []byte) (Answer, error) {
	if len(doc) == 0 {
		return Answer{Call: CallFileInfo, Outcome: Refused, Code: NoCode},
			houvast.Errorf("submit.fileinfo", houvast.Invalid, "no-document", "there is no document to send")
	}
	a, _, err := c.do(ctx, CallFileInfo, cybertip.ContentType, smallBody(doc))
	return a, err
}

// Finish files the report: the one call that cannot be taken back, and the only commit point. It
// returns the ids of the files that the report holds; compare them with CompareFiles. When the
// service says that the report was finished before, that is success with Answer.Already, and the
// list may be nil.
func (c *Client) Finish(ctx context.Context, reportID int64) (files []string, a Answer, err error) {
	const op = "submit.finish"
	a, rep, err := c.byID(ctx, CallFinish, reportID)
	switch {
	case err != nil:
	case rep.reportID != reportID && (rep.reportID != 0 || !a.Already):
		err = a.doubt(op, "wrong-report", "the reply is about another report")
	case !rep.hasFiles && !a.Already:
		err = a.doubt(op, "no-file-list", "the reply says success without the list of files")
	}
	if err != nil {
		return nil, a, err
	}
	return rep.files, a, nil
}

// Retract withdraws an open report. A report that was retracted before is success with
// Answer.Already; one that was finished before is Conflict, code "cybertip-5102".
func (c *Client) Retract(ctx context.Context, reportID int64) (Answer, error) {
	a, rep, err := c.byID(ctx, CallRetract, reportID)
	if err == nil && rep.reportID != 0 && rep.reportID != reportID {
		err = a.doubt("submit.retract", "wrong-report", "the reply is about another report")
	}
	return a, err
}

func (c *Client) byID(ctx context.Context, call Call, reportID int64) (Answer, reply, error) {
	if reportID <= 0 {
		return Answer{Call: call, Outcome: Refused, Code: NoCode}, reply{},
			houvast.Errorf("submit."+string(call), houvast.Invalid, "bad-report-id", "a report id is a positive number")
	}
	form := url.Values{"id": {strconv.FormatInt(reportID, 10)}}.Encode()
	return c.do(ctx, call, "application/x-www-form-urlencoded", smallBody([]byte(form)))
}
