// A form that was sent is not sent again by a second press: the answer to the first may be shown only
// once, as the text of a key is.

/** Sends each form once for as long as the page stands. */
export function once(): void {
  const sent = new WeakSet<HTMLFormElement>();
  document.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    if (form.method === "dialog") return;
    if (sent.has(form)) e.preventDefault();
    sent.add(form);
  });
  window.addEventListener("pageshow", (e) => {
    if (e.persisted) location.reload(); // from the browser's memory: nothing that was shown comes back
  });
}
