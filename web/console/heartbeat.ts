// A claim lasts ten minutes. While somebody works on the page it is extended; a page that was left
// alone lets it go.
import { ask, Refused } from "./ask";
import { text } from "./texts";

const beat = 60_000; // how often the claim is looked at
const idle = 9 * 60_000; // without a hand on the page, it is not extended

/** Extends the claim of the page, if it holds one. hide takes a shown picture away when it is lost. */
export function heartbeat(hide: () => void): void {
  const box = document.querySelector<HTMLElement>("[data-claim]");
  if (!box) return;
  const left = box.querySelector<HTMLElement>("[data-left]")!;
  let ends = performance.now() + Number(box.dataset.claimLeft) * 1000;
  let touched = performance.now();
  for (const sign of ["pointerdown", "keydown", "scroll"]) {
    document.addEventListener(sign, () => (touched = performance.now()), { passive: true, capture: true });
  }
  const lost = () => {
    clearInterval(timer);
    hide();
    left.textContent = text("claim_lost.say");
    box.dataset.lost = "yes";
  };
  const tell = () => {
    const minutes = Math.ceil((ends - performance.now()) / 60_000);
    if (minutes <= 0) return lost();
    left.textContent = text("claim_left", { n: minutes });
  };
  const extend = async () => {
    try {
      const said = await ask<{ left: number }>(box.dataset.claim!, {});
      ends = performance.now() + said.left * 1000;
    } catch (e) {
      if (e instanceof Refused) return lost();
    }
    tell();
  };
  const timer = setInterval(() => (performance.now() - touched < idle ? extend() : tell()), beat);
  box.querySelector("[data-extend]")?.addEventListener("click", (e) => {
    e.preventDefault();
    extend();
  });
}
