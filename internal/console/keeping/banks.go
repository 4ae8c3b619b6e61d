package keeping

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

// maxImport bounds one imported file, in bytes. Larger lists are imported with the command line.
const maxImport = 512 << 20

// columns is what the first line of a list may name, as package bank reads it.
const columns = "pdq,pdq_profile,md5,sha1,sha256,category,member,source_id,note,quality"

// maxParts bounds what stands in front of the file in an import form.
const maxParts = 8

type banksView struct {
	Banks              []bank.Bank
	Name, Threshold    string // as they were typed
	Categories, Trusts []choice
	Wrong              *wrong
	MayCreate          bool
}

func (k *Pages) banks(p *site.Page) error {
	return k.showBanks(p, banksView{Threshold: strconv.Itoa(k.P.Settings.BankThreshold)}, nil)
}

func (k *Pages) showBanks(p *site.Page, v banksView, failed error) (err error) {
	if v.Wrong = again(p, failed, map[string]string{"bad-bank-name": "name", "bank-exists": "name", "bad-category": "category",
		"bad-trust": "trust", "bad-threshold": "threshold"}); failed != nil && v.Wrong == nil {
		return failed
	}
	if v.Banks, err = k.P.Banks(p.R.Context()); err != nil {
		return err
	}
	v.Categories = listed(houvast.Categories(), []string{p.Form("category")}, "category.", "")
	v.Trusts = listed([]houvast.Trust{houvast.Verified, houvast.Unverified}, []string{p.Form("trust")}, "keeping.trust.", "keeping.trust_hint.")
	v.MayCreate = p.May("banks.create")
	return p.Render("banks", v)
}

func (k *Pages) createBank(p *site.Page) error {
	typed := banksView{Name: p.Form("name"), Threshold: p.Form("threshold")}
	n, err := strconv.Atoi(typed.Threshold)
	if err != nil {
		return k.showBanks(p, typed, houvast.Errorf("keeping.createBank", houvast.Invalid, "bad-threshold", "the threshold is no number"))
	}
	b, err := k.P.CreateBank(p.R.Context(), p.Ask(), bank.Bank{Name: typed.Name, Category: houvast.Category(p.Form("category")),
		Trust: houvast.Trust(p.Form("trust")), Threshold: n})
	if err != nil {
		return k.showBanks(p, typed, err)
	}
	return p.See(bankPath(b.Name))
}

func bankPath(name string) string { return "/console/bank/" + url.PathEscape(name) }

type bankView struct {
	bank.Bank
	Path                  string
	MayImport, MayDisable bool
	Imported              *imported
	Wrong                 *wrong
	MaxMiB                int
	Columns               string
}

// imported is the outcome of an import, with the reasons in words.
type imported struct {
	desk.Imported
	Refusals []refusal
	More     int // refused rows beyond those
	Broken   bool
}

type refusal struct {
	Row     int
	Why     string
	English bool // there are no words for it
}

func (k *Pages) bank(p *site.Page) error { return k.showBank(p, nil, nil) }

func (k *Pages) showBank(p *site.Page, in *imported, failed error) error {
	w := again(p, failed, map[string]string{"import-header": "file", "import-empty": "file", "import-too-large": "file", "import-broken": "file"})
	if failed != nil && w == nil {
		return failed
	}
	b, err := k.P.Bank(p.R.Context(), p.R.PathValue("name"))
	if err != nil {
		return err
	}
	return p.Render("bank", bankView{Bank: b, Path: bankPath(b.Name), MayImport: p.May("banks.import"), MayDisable: p.May("banks.disable"),
		Imported: in, Wrong: w, MaxMiB: maxImport >> 20, Columns: columns})
}

// importBank reads a list while it arrives. When it breaks off, what was added stays and is told.
func (k *Pages) importBank(p *site.Page) error {
	name := p.R.PathValue("name")
	if _, err := k.P.Bank(p.R.Context(), name); err != nil {
		return err
	}
	p.R.Body = http.MaxBytesReader(p.W, p.R.Body, cmp.Or(k.most, maxImport))
	list, err := listOf(p)
	if err != nil {
		return k.showBank(p, nil, err)
	}
	in, err := k.P.Import(p.R.Context(), unkept(p), name, list)
	if err != nil {
		err = list.blame(err)
		io.Copy(io.Discard, p.R.Body) // a browser that is still sending would not read the answer
	}
	if in.Rows == 0 && err != nil {
		return k.showBank(p, nil, err)
	}
	out := &imported{Imported: in, More: in.Refused - len(in.Refusals), Broken: err != nil}
	for _, r := range in.Refusals {
		why, ok := because(p, r.Reason)
		out.Refusals = append(out.Refusals, refusal{r.Row, why, !ok})
	}
	return k.showBank(p, out, err)
}

// A list is a file as it arrives in a form, and what went wrong with reading it.
type list struct {
	io.Reader
	broke error
}

// Read reads, and remembers why it could not.
func (l *list) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		l.broke = err
	}
	return n, err
}

// blame turns an error of an import that came from the sender's side into one that says so.
func (l *list) blame(err error) error {
	if l.broke == nil && houvast.CodeOf(err) == "import-refused" {
		return houvast.Errorf("keeping.importBank", houvast.Invalid, "import-header", "the first line does not name the columns: %w", err)
	}
	if l.broke == nil {
		return err
	}
	if large := (*http.MaxBytesError)(nil); errors.As(l.broke, &large) {
		return houvast.Errorf("keeping.importBank", houvast.TooLarge, "import-too-large", "the list has more than %d bytes", large.Limit)
	}
	return houvast.Errorf("keeping.importBank", houvast.Invalid, "import-broken", "the list did not arrive whole")
}

// listOf finds the file in a form, without waiting for its end.
func listOf(p *site.Page) (*list, error) {
	const op = "keeping.importBank"
	parts, err := p.R.MultipartReader()
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-form", "the form holds no file")
	}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, houvast.Errorf(op, houvast.Invalid, "bad-form", "the form cannot be read")
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return &list{Reader: part}, nil
		}
	}
	return nil, houvast.Errorf(op, houvast.Invalid, "import-empty", "no file was chosen")
}

// disableBank takes a bank out of matching once the reader was asked, or puts it back at once.
func (k *Pages) disableBank(p *site.Page) error {
	b, err := k.P.Bank(p.R.Context(), p.R.PathValue("name"))
	if err != nil {
		return err
	}
	var disabled bool
	switch p.Form("disabled") {
	case "yes":
		disabled = true
		if ok, err := k.ask(p, sure{Title: p.Text("keeping.bank.sure", "name", b.Name), Say: p.Text("keeping.bank.disable_how.say"),
			Button: p.Text("keeping.bank.disable_yes"), Action: p.R.URL.Path, Back: bankPath(b.Name), Name: "disabled", Value: "yes"}); !ok {
			return err
		}
	case "no":
	default:
		return houvast.Errorf("keeping.disableBank", houvast.Invalid, "bad-form", "disabled is yes or no")
	}
	if _, err := k.P.DisableBank(p.R.Context(), p.Ask(), b.Name, disabled); err != nil {
		return err
	}
	return p.See(bankPath(b.Name))
}
