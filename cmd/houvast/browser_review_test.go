package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/review"
)

const casePage = "/console/case/case_[0-9a-z]+"

// pulls takes the next case, which must be that of a turn.
func (w *browserWalk) pulls(p *walker, u *turn) {
	w.t.Helper()
	p.goes(casePage, "n", `main form[action="/console/next"] button`)
	w.holds(p, u)
}

// holds notes which case a turn has become, and waits until it can be looked at.
func (w *browserWalk) holds(p *walker, u *turn) {
	w.t.Helper()
	at := p.URL()
	id := at[strings.LastIndex(at, "/")+1:]
	if u.id != "" && u.id != id {
		w.t.Fatalf("%s is %s and now %s", u.decision, u.id, id)
	}
	u.id = id
	p.reads("The picture is not shown. You can decide without it.", fmt.Sprintf("account-%d", w.number(u)), "national-list")
	p.ready()
}

func (w *browserWalk) number(u *turn) int {
	for n, o := range w.turns {
		if o == u {
			return n
		}
	}
	return -1
}

// decides answers the form, is asked once more, and decides.
func (w *browserWalk) decides(p *walker, u *turn) {
	w.t.Helper()
	if u.role != "" {
		p.pick(p, fmt.Sprintf(`input[name="role"][value="%s"]`, u.role))
	}
	if u.words != "" {
		p.fill(p, "#words", u.words)
	}
	if u.pressure {
		p.pick(p, `input[name="pressure"]`)
	}
	w.asked(p, u)
	if u.pressure { // everything that was answered is still there after a step back
		p.goes(casePage+"/decide", "", `button[name="back"]`)
		if p.Count(fmt.Sprintf(`input[name="role"][value="%s"]:checked`, u.role)) != 1 || p.Count(`input[name="pressure"]:checked`) != 1 {
			w.t.Error("the answers are gone after a step back")
		}
		w.asked(p, u)
	}
	p.goes(casePage+"/after", "", `button[name="sure"]`)
	p.reads("What became of it")
}

// asked presses a decision, reads the guard, and sees that nothing was decided.
func (w *browserWalk) asked(p *walker, u *turn) {
	w.t.Helper()
	p.goes(casePage+"/decide", "", fmt.Sprintf(`button[name="decision"][value="%s"]`, u.decision))
	p.reads("Nothing has been decided yet.")
	if state := w.caseOf(u).State; state != review.Open {
		w.t.Fatalf("pressing %s made the case %s before anybody was sure", u.decision, state)
	}
}

func (w *browserWalk) caseOf(u *turn) review.Case {
	w.t.Helper()
	id, err := houvast.ParseID[houvast.CaseNoun](u.id)
	if err != nil {
		w.t.Fatal(err)
	}
	c, _, err := w.app.desk.Glance(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// reviews has Mo go through all eight cases. The first is skipped and comes last, with every step of
// its picture; the second is put aside for advice.
func (w *browserWalk) reviews(mo, ria *walker) {
	w.t.Helper()
	first, second := w.turns[0], w.turns[1]
	w.pulls(mo, first)
	w.nothingByItself(mo)
	w.overlay(mo)
	mo.goes("/console/queue", "s", `form[action$="/skip"] button`)
	mo.reads("You skipped the case.")

	w.pulls(mo, second)
	w.advice(mo, ria, second)
	mo.look("mosaic", func() {})
	w.decides(mo, second)

	for _, u := range w.turns[2:] {
		w.pulls(mo, u)
		switch u.decision {
		case houvast.DecideOwn: // every step, and colour for a moment only
			for _, l := range review.Levels() {
				mo.look(string(l), func() {})
			}
		case houvast.DecideAgeInDoubt:
			w.observes(mo)
		case houvast.DecideDrawn: // decided while it is shown
			mo.press(mo, "", step("mosaic", "toggle"))
			mo.shown("mosaic")
		}
		w.decides(mo, u)
	}

	mo.goes("/console/queue", "", `main a[href="/console/queue"]`)
	mo.reads("Only cases that you skipped are waiting.")
	mo.goes("/console/queue", "", `form[action="/console/unskip"] button`)
	mo.reads("may be handed to you again")
	w.pulls(mo, first)
	w.everyStep(mo)
	w.panics(mo, first)
	w.decides(mo, first)
}

// everyStep looks at each step in another way, and sees it hidden in another way.
func (w *browserWalk) everyStep(p *walker) {
	w.t.Helper()
	p.look("mosaic", func() {})
	p.hold(p, step("blurred", "hold"), func() {
		p.shown("blurred")
		p.Blur()
		p.hidden("when the window loses the focus, although it is still held")
	})
	p.Focus()
	p.press(p, "", step("grey", "toggle"))
	p.shown("grey")
	p.hidden("by itself")
	p.look("colour", func() { p.lasts(2500 * time.Millisecond) })
}

// observes says how old somebody is said to be, which needs no look.
func (w *browserWalk) observes(p *walker) {
	w.t.Helper()
	p.press(p, "o", "#observations summary")
	p.fill(p, "#age_min", "12")
	p.fill(p, "#age_max", "14")
	p.choose(p, "#age_basis", "Stated")
}

// advice puts a case aside with a question, lets a colleague answer, and takes it up again.
func (w *browserWalk) advice(mo, ria *walker, u *turn) {
	w.t.Helper()
	const question, answer = "Has anybody seen this account before?", "Yes, last week: it announced a meeting."
	mo.press(mo, "a", `details summary[data-key="a"]`)
	mo.fill(mo, "#question", question)
	mo.goes("/console/queue", "", `form[action$="/park"] button`)
	mo.reads("The case waits for advice.")

	ria.goes("/console/parked", "", `header nav a[href="/console/parked"]`)
	ria.goes("/console/parked/"+u.id, "", fmt.Sprintf(`main a[href="/console/parked/%s"]`, u.id))
	ria.reads(question)
	if ria.Count("[data-reveal]") > 0 {
		w.t.Error("who gives advice is offered the picture")
	}
	ria.fill(ria, "#words", answer)
	ria.goes("/console/parked", "", "main form button.main")
	ria.reads("Your advice is with the case.")

	mo.goes("/console/parked", "", `header nav a[href="/console/parked"]`)
	mo.reads(answer)
	mo.goes(casePage, "", `form[action$="/resume"] button`)
	w.holds(mo, u)
	mo.reads(question, answer)
}

// nothingByItself sees that nothing is shown, and nothing sent, by what a hand does by mistake: a key
// on the page or Enter in a field of the form; a click beside the buttons.
func (w *browserWalk) nothingByItself(p *walker) {
	w.t.Helper()
	before := w.deeds(p)
	still := func(what string) {
		w.t.Helper()
		if !browsertest.Eval[bool](p.Tab, pictureHidden) {
			w.t.Fatalf("%s showed the picture", what)
		}
		if !strings.HasPrefix(p.URL(), p.site+"/console/case/") || strings.HasSuffix(p.URL(), "/decide") {
			w.t.Fatalf("%s led to %s", what, p.URL())
		}
	}
	switch p.hands.(type) {
	case keyboard:
		for _, key := range append(strings.Split("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", ""), "Enter", " ") {
			browsertest.Eval[bool](p.Tab, "document.activeElement.blur(), true")
			p.Press(key)
			still(fmt.Sprintf("the key %q", key))
		}
		w.enterInFields(p, still)
	case pointer:
		for _, sel := range []string{"h1", "#facts-title", ".well", "[data-reveal] h2", "[data-status]", `[data-level="mosaic"] b`, "#decide-title", "#eight"} {
			p.Click(sel)
			still("a click on " + sel)
		}
	}
	if after := w.deeds(p); after != before {
		w.t.Fatalf("somebody did nothing and the page sent:\n%s", strings.TrimPrefix(after, before))
	}
}

// enterInFields presses Enter in each field of the decision form, and in what opens the observations.
func (w *browserWalk) enterInFields(p *walker, still func(string)) {
	w.t.Helper()
	const inField = `document.activeElement.closest("form")?.action.endsWith("/decide") && !document.activeElement.matches("button")`
	fields := 0
	for p.TabTo(`input[name="role"]`); browsertest.Eval[bool](p.Tab, inField); fields++ {
		at := p.Focused()
		p.Press("Enter")
		still("Enter in " + at)
		p.Press("Tab")
	}
	if want := 3 + 1 + 2*len(houvast.Aspects()); fields < want {
		w.t.Errorf("Enter was pressed in %d fields, and the form has %d or more", fields, want)
	}
	p.visit(strings.TrimPrefix(p.URL(), p.site)) // the line breaks go
	p.ready()
}

// deeds is everything that a page has asked for that shows or changes anything. A claim is kept by
// itself.
func (w *browserWalk) deeds(p *walker) string {
	w.t.Helper()
	var b strings.Builder
	for _, r := range p.Requests() {
		media := strings.HasPrefix(r.URL, w.app.origins().Media)
		if (r.Method != "GET" || media) && !strings.HasSuffix(r.URL, "/extend") {
			fmt.Fprintln(&b, r.Method, r.URL)
		}
	}
	return b.String()
}

// overlay opens the list of keys and closes it.
func (w *browserWalk) overlay(p *walker) {
	w.t.Helper()
	if _, keys := p.hands.(keyboard); keys {
		browsertest.Eval[bool](p.Tab, "document.activeElement.blur(), true")
		p.Press("?")
	} else {
		p.Click("[data-keys]")
	}
	p.Await("the overlay is open", `document.querySelector("#keys").open`)
	p.reads("Hide everything and lock at once", "No key shows a picture and no key decides.")
	p.press(p, "", "#keys form button")
	p.Await("the overlay is closed", `!document.querySelector("#keys").open`)
	p.ready()
}

// panics hides and locks while a picture is shown: the curtain falls over a page that shows nothing
// any more, and only the password opens the session again.
func (w *browserWalk) panics(p *walker, u *turn) {
	w.t.Helper()
	p.press(p, "", step("grey", "toggle"))
	p.shown("grey")
	browsertest.Eval[bool](p.Tab, `(() => {
		const curtain = document.querySelector("#curtain"), canvas = document.querySelector("[data-reveal] canvas");
		new MutationObserver(() => sessionStorage.setItem("curtain", [!curtain.hidden, canvas.hidden, canvas.width].join())).observe(curtain, {attributes: true});
		return true;
	})()`)
	p.going("/console/locked", func() {
		if _, keys := p.hands.(keyboard); keys {
			p.Press("Escape")
		} else {
			p.Click("[data-lock]")
		}
	})
	if got := browsertest.Eval[string](p.Tab, `String(sessionStorage.getItem("curtain"))`); got != "true,true,0" {
		w.t.Errorf("when the curtain fell: %s, want a curtain and an empty picture", got)
	}
	p.visit("/console/case/" + u.id)
	if at := p.URL(); at != p.site+"/console/locked" {
		w.t.Errorf("a locked session is at %s", at)
	}
	p.fill(p, "#password", goodPassword)
	p.goes("/console/queue", "", `form[action="/console/unlock"] button`)
	p.goes(casePage, "n", `main a.button[href*="/case/"]`)
	p.ready()
}

// seconds has Ria agree where a second person is needed, but for one decision that she sends back; Mo
// decides that again.
func (w *browserWalk) seconds(mo, ria *walker) {
	w.t.Helper()
	const words = "The text says that it was painted by hand. Please look at that again."
	for _, u := range w.turns {
		if review.ConsequenceOf(u.decision).Second != review.SecondPerson {
			continue
		}
		w.opensSecond(ria, u)
		if u.decision == houvast.DecideDrawn {
			ria.goes("/console/case/"+u.id+"/confirm", "", `button[name="answer"][value="back"]`)
			if w.caseOf(u).State != review.Second {
				w.t.Error("a decision was sent back without words")
			}
			ria.fill(ria, "#words", words)
			ria.goes("/console/seconds", "", `button[name="answer"][value="back"]`)
			ria.reads("You sent the case back.")
			w.again(mo, u, words)
			w.opensSecond(ria, u)
		}
		ria.goes("/console/seconds", "", `button[name="answer"][value="agree"]`)
		ria.reads("You agreed.")
	}
	ria.reads("No decision waits for you")
}

func (w *browserWalk) opensSecond(ria *walker, u *turn) {
	w.t.Helper()
	ria.goes("/console/seconds", "", `header nav a[href="/console/seconds"]`)
	ria.goes("/console/case/"+u.id, "", fmt.Sprintf(`main a[href="/console/case/%s"]`, u.id))
	ria.reads("Do you agree?", "What happens if you agree")
	if ria.Count("[data-reveal]") > 0 {
		w.t.Error("the second person is offered the picture")
	}
}

// again has Mo decide once more what was sent back.
func (w *browserWalk) again(mo *walker, u *turn, words string) {
	w.t.Helper()
	mo.goes("/console/queue", "", `header nav a[href="/console/queue"]`)
	w.pulls(mo, u)
	mo.reads(words)
	w.decides(mo, u)
}
