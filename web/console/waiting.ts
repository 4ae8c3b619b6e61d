// A page that waits for something loads itself again, unless somebody is busy with it.

/** Loads a page with data-again="seconds" again. */
export function waiting(): void {
  const there = document.querySelector<HTMLElement>("[data-again]");
  if (!there) return;
  setTimeout(() => {
    if (document.querySelector("dialog[open]") || document.activeElement instanceof HTMLTextAreaElement) return;
    location.reload();
  }, Number(there.dataset.again) * 1000);
}
