// Looking at a picture, one step at a time. A look is asked for, granted, fetched once and drawn on a
// canvas; letting go takes it away and tells the server for how long it was there. What is not held
// hides by itself. Nothing is kept: the next look is asked for again.
import { ask, Refused } from "./ask";
import { text } from "./texts";

interface Ticket {
  reveal: string;
  url: string;
  proof: string;
}

/** One look, from asking to hiding. */
interface Look {
  over: boolean;
  seen?: Seen; // from when it was drawn
  ticket?: Ticket;
  level: string;
  button: HTMLButtonElement;
  timer?: number;
}

/** Wires the picture of the page, if it has one, and returns what hides it at once; its promise ends when the server was told. */
export function reveal(): () => Promise<void> {
  const box = document.querySelector<HTMLElement>("[data-reveal]");
  const canvas = box?.querySelector("canvas");
  const status = box?.querySelector<HTMLElement>("[data-status]");
  if (!box || !canvas || !status) return async () => {};
  const base = box.dataset.reveal!;
  const after = Number(box.dataset.hideAfter);
  let now: Look | null = null;

  const say = (key: string, fill = {}) => (status.textContent = text(key, fill));

  const hide = async () => {
    const look = now;
    if (!look) return;
    now = null;
    look.over = true;
    clearTimeout(look.timer);
    canvas.width = canvas.height = 0;
    canvas.hidden = true;
    look.button.setAttribute("aria-pressed", "false");
    say("hidden");
    const ms = look.seen?.end() ?? 0;
    if (!look.seen) return;
    if (ms > 0) sayable(look.level);
    await ask(base + "/shown", { reveal: look.ticket!.reveal, ms: String(ms) }, true).catch(() => {});
  };

  const show = async (button: HTMLButtonElement, held: boolean) => {
    hide();
    const level = button.closest<HTMLElement>("[data-level]")!.dataset.level!;
    const look: Look = { over: false, level, button };
    now = look;
    button.setAttribute("aria-pressed", "true");
    say("fetching");
    try {
      look.ticket = await ask<Ticket>(base + "/grant", { level });
      if (look.over) return;
      const answer = await fetch(look.ticket.url, {
        headers: { Authorization: "Houvast " + look.ticket.proof },
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
      if (!answer.ok) throw new Refused("", text("not_shown.say"));
      const picture = await createImageBitmap(await answer.blob());
      unlock(box, level);
      if (look.over) return picture.close();
      canvas.width = picture.width;
      canvas.height = picture.height;
      canvas.getContext("2d")!.drawImage(picture, 0, 0);
      picture.close();
      canvas.hidden = false;
      canvas.parentElement!.scrollIntoView({ block: "nearest" });
      look.seen = new Seen(canvas);
      box.dataset.shown = level;
      say("shown." + level);
      if (!held) look.timer = setTimeout(hide, after);
    } catch (e) {
      if (now === look) hide();
      status.textContent = e instanceof Refused ? e.title : text("not_shown.say");
    }
  };

  for (const button of box.querySelectorAll<HTMLButtonElement>("[data-hold]")) {
    // A press on another button takes the focus from this one, and must not hide what that one shows.
    const release = () => now?.button === button && hide();
    button.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      button.setPointerCapture(e.pointerId);
      show(button, true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, release);
    button.addEventListener("keydown", (e) => {
      if (e.key !== " ") return;
      e.preventDefault();
      if (!e.repeat) show(button, true);
    });
    button.addEventListener("keyup", (e) => {
      if (e.key === " ") release();
    });
    button.addEventListener("blur", release);
    button.addEventListener("contextmenu", (e) => e.preventDefault());
  }
  for (const button of box.querySelectorAll<HTMLButtonElement>("[data-toggle]")) {
    button.addEventListener("click", () => (now?.button === button ? hide() : show(button, false)));
  }
  window.addEventListener("blur", hide);
  window.addEventListener("pagehide", hide);
  document.addEventListener("visibilitychange", () => document.hidden && hide());
  document.addEventListener("submit", hide, true);
  prepare(box, say);
  return hide;
}

/** Lets the step after a level be asked for. The server decides; this only shows it. */
function unlock(box: HTMLElement, level: string): void {
  const steps = [...box.querySelectorAll<HTMLElement>("[data-level]")];
  const next = steps[steps.findIndex((s) => s.dataset.level === level) + 1];
  next?.querySelectorAll("button").forEach((b) => (b.disabled = false));
}

/** Lets "seen" be said of what a level shows, as the server will. */
function sayable(level: string): void {
  for (const o of document.querySelectorAll<HTMLOptionElement>("option[data-seen]")) {
    if (o.dataset.seen !== "close" || level === "grey" || level === "colour") o.disabled = false;
  }
}

/** Measures for how long the whole of a picture stood in the window without a break. */
class Seen {
  private since = 0; // performance.now() when all of it came into view; 0 = some of it is out
  private longest = 0;
  private readonly watch: IntersectionObserver;

  constructor(canvas: HTMLCanvasElement) {
    this.watch = new IntersectionObserver((all) => this.turn(all[all.length - 1].intersectionRatio > 0.98), {
      threshold: [0.5, 0.98, 0.99, 1],
    });
    this.watch.observe(canvas);
  }

  private turn(whole: boolean): void {
    if (whole && this.since) return;
    if (this.since) this.longest = Math.max(this.longest, performance.now() - this.since);
    this.since = whole ? performance.now() : 0;
  }

  /** Ends the watch and returns the longest stretch, in milliseconds. */
  end(): number {
    this.turn(false);
    this.watch.disconnect();
    return Math.floor(this.longest);
  }
}

/** Asks until the pictures are made, and says so when they cannot be. */
async function prepare(box: HTMLElement, say: (key: string, fill?: object) => void): Promise<void> {
  for (let wait = 100; box.dataset.state === "preparing"; wait = Math.min(wait * 2, 2000)) {
    await new Promise((done) => setTimeout(done, wait));
    const answer = await fetch(box.dataset.reveal! + "/picture", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const is: { state: string; reason: string } = await answer.json();
    box.dataset.state = is.state;
    if (is.state === "ready") {
      box.querySelector("[data-level]")?.querySelectorAll("button").forEach((b) => (b.disabled = false));
      say("ready");
    } else if (is.state !== "preparing") {
      box.querySelectorAll("button").forEach((b) => (b.disabled = true));
      say("cannot", { reason: is.reason });
    }
  }
}
