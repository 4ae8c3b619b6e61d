// Enter in a field does nothing in a form with data-no-enter. Its first button is off for this, but some
// browsers then press the next one when Enter comes from a radio button, a box or a list.

/** Wires the forms that Enter must not send. */
export function enter(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-no-enter]")) {
    form.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement)) e.preventDefault();
    });
  }
}
