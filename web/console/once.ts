// A form that was sent is not sent again by a second press: the answer to the first may be shown only
// once, as the text of a key is.

const pause = 5000; // milliseconds; whoever stopped the browser may then try again, and the form's key keeps it one

/** Sends each form once, for a while. */
export function once(): void {
  const sent = new WeakMap<HTMLFormElement, number>();
  document.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    if (form.method === "dialog") return;
    const before = sent.get(form);
    if (before !== undefined && performance.now() - before < pause) return e.preventDefault();
    sent.set(form, performance.now());
  });
  window.addEventListener("pageshow", (e) => {
    if (e.persisted) location.reload(); // from the browser's memory: nothing that was shown comes back
  });
}
