package filing

import (
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/report"
)

// version is the version of the report that a form was made for. A form always names one: nobody acts
// on what they have not read.
func version(pg *site.Page) (int64, error) {
	n, err := strconv.ParseInt(pg.Form("version"), 10, 64)
	if err != nil || n < 1 {
		return 0, houvast.Errorf("filing.version", houvast.Invalid, "version-missing", "the form does not say which version of the report was read").
			WithHint("open the report and begin again")
	}
	return n, nil
}

// read returns the report and the version that a form is about.
func read(pg *site.Page) (houvast.ReportID, int64, error) {
	id, err := reportID(pg)
	if err != nil {
		return 0, 0, err
	}
	n, err := version(pg)
	return id, n, err
}

func (p *Pages) approve(pg *site.Page) error {
	id, n, err := read(pg)
	if err == nil {
		_, err = p.P.Approve(pg.R.Context(), pg.Ask(), id, n)
	}
	if err != nil {
		return p.again(pg, id, n, err, nil)
	}
	return pg.See(pathOf(id) + "/receipt")
}

func (p *Pages) sendBack(pg *site.Page) error {
	id, n, err := read(pg)
	if err == nil {
		_, err = p.P.ReturnRead(pg.R.Context(), pg.Ask(), id, n, pg.Form("words"))
	}
	if err == nil {
		return pg.See(pathOf(id))
	}
	return p.again(pg, id, n, err, func(v *reportView) bool {
		v.Words.Value = pg.Form("words")
		switch houvast.CodeOf(err) {
		case "return-without-words":
			v.Words.Fault = "none"
		case "words-too-long":
			v.Words.Fault = "long"
		}
		return v.Words.Fault != "" && v.Return
	})
}

func (p *Pages) amend(pg *site.Page) error {
	id, n, err := read(pg)
	if err != nil {
		return err
	}
	v, err := p.view(pg, id)
	if err != nil {
		return err
	}
	form, amendment, ok := amended(pg, v.Content)
	if v.Report.Version == n { // else it was amended meanwhile, or this is the same form once more
		switch {
		case !v.Amend:
			return houvast.Errorf("filing.amend", houvast.Conflict, "wrong-state", "nothing can be added to this report")
		case !ok:
			v.Form, v.Notice, pg.Status = form, "form", houvast.Invalid.Status()
			return pg.Render("report", v)
		case amendment == (report.Amendment{}):
			v.Notice, pg.Status = "unchanged", houvast.Invalid.Status()
			return pg.Render("report", v)
		}
	}
	if _, err := p.P.AmendRead(pg.R.Context(), pg.Ask(), id, n, amendment); err != nil {
		return p.again(pg, id, n, err, func(v *reportView) bool { v.Form = form; return false })
	}
	return pg.See(pathOf(id))
}

// again shows a report once more after something was not done, when the reason is that it was changed
// meanwhile, or when keep says so; otherwise the error has a page of its own. keep puts back what was
// typed; it may be nil.
func (p *Pages) again(pg *site.Page, id houvast.ReportID, read int64, err error, keep func(*reportView) bool) error {
	v, gone := p.view(pg, id)
	if read == 0 || gone != nil {
		return err
	}
	if v.Report.Version != read && v.Report.State == report.Draft && houvast.CodeOf(err) == "wrong-state" {
		v.Notice = "changed"
	}
	if (keep == nil || !keep(&v)) && v.Notice == "" {
		return err
	}
	pg.Fault(err)
	return pg.Render("report", v)
}

func (p *Pages) goOn(pg *site.Page) error {
	id, err := reportID(pg)
	if err == nil {
		_, err = p.P.Refile(pg.R.Context(), pg.Ask(), id)
	}
	if err != nil {
		return err
	}
	return pg.See(pathOf(id) + "/receipt")
}

// retract withdraws a report. The form stands on a page of its own, which says what that means.
func (p *Pages) retract(pg *site.Page) error {
	id, err := reportID(pg)
	if err == nil {
		_, err = p.P.Retract(pg.R.Context(), pg.Ask(), id)
	}
	if err != nil {
		return err
	}
	return pg.See(pathOf(id))
}
