package report

import (
	"context"
	"io"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/fault"
)

// A File opens the original bytes for the recipient; size is their number.
type File func(ctx context.Context) (r io.ReadCloser, size int64, err error)

// Documents are what was sent, for the sealed snapshot.
type Documents struct {
	Report      string `json:"report_xml"`
	FileDetails string `json:"file_details_xml"`
}

// DocumentsOf renders the documents of a report as it stands.
func DocumentsOf(r Report, c Content) (d Documents, err error) {
	rep, err := cybertip.Encode(c.Report())
	if err != nil {
		return d, err
	}
	det, err := cybertip.EncodeFileDetails(c.FileDetails(r.Remote, r.File, r.Viewed))
	return Documents{string(rep), string(det)}, err
}

// Call makes the one call that the persisted state of r allows. It changes nothing here.
func Call(ctx context.Context, client *submit.Client, call submit.Call, r Report, c Content, viewed bool, file File) Reply {
	point(r.State)
	a := attempt(ctx, client, call, r, c, viewed, file)
	switch call {
	case submit.CallSubmit:
		fault.Point("report.submit-answered")
	case submit.CallUpload:
		fault.Point("report.upload-answered")
	case submit.CallFileInfo:
		fault.Point("report.fileinfo-answered")
	case submit.CallFinish:
		fault.Point("report.finish-answered")
	case submit.CallRetract:
		fault.Point("report.retract-answered")
	}
	return a
}

func attempt(ctx context.Context, client *submit.Client, call submit.Call, r Report, c Content, viewed bool, file File) (a Reply) {
	a.Call, a.Viewed = call, viewed
	if string(client.Environment()) != string(r.Environment) {
		a.Answer.Outcome = submit.Refused
		a.Err = houvast.Errorf("report.Call", houvast.Forbidden, "environment-mismatch",
			"the report was drafted for %s and the credential is for %s", r.Environment, client.Environment())
		return a
	}
	switch call {
	case submit.CallSubmit:
		doc, err := cybertip.Encode(c.Report())
		if err != nil {
			return failed(a, err)
		}
		a.Remote, a.Answer, a.Err = client.Submit(ctx, doc)
	case submit.CallUpload:
		body, size, err := file(ctx)
		if err != nil {
			return failed(a, err)
		}
		defer body.Close()
		a.File, a.MD5, a.Answer, a.Err = client.Upload(ctx, r.Remote, FileName(c.Facts.MediaType), body, size)
	case submit.CallFileInfo:
		doc, err := cybertip.EncodeFileDetails(c.FileDetails(r.Remote, r.File, viewed))
		if err != nil {
			return failed(a, err)
		}
		a.Answer, a.Err = client.FileInfo(ctx, doc)
	case submit.CallFinish:
		a.Files, a.Answer, a.Err = client.Finish(ctx, r.Remote)
	case submit.CallRetract:
		a.Answer, a.Err = client.Retract(ctx, r.Remote)
	}
	return a
}

// failed is a call that we could not even make: nothing was sent, and trying again as it is will not
// help.
func failed(a Reply, err error) Reply {
	a.Err, a.Answer.Outcome = err, submit.Refused
	if houvast.KindOf(err).Retry() {
		a.Answer.Outcome = submit.Retry
	}
	return a
}
