// A page that waits for something loads itself again, unless somebody is busy with it.

/** Loads a page with data-again="seconds" again. Whoever has moved the focus would lose their place. */
export function waiting(): void {
  const there = document.querySelector<HTMLElement>("[data-again]");
  if (!there) return;
  setInterval(() => {
    const at = document.activeElement;
    if (document.hidden || document.querySelector("dialog[open]") || (at && at !== document.body)) return;
    location.reload();
  }, Number(there.dataset.again) * 1000);
}
