// Keys move the focus, and do nothing by themselves: no key reveals, none decides. An element says
// data-key="n" to be reached with n. The overlay behind ? lists them and can switch them off, for
// people whose machine types letters that they did not mean.
const off = "houvast-keys-off";

/** Wires the keys and their overlay. hide takes a shown picture away, which the overlay would cover. */
export function keys(hide: () => void): void {
  const overlay = document.querySelector<HTMLDialogElement>("#keys");
  if (!overlay) return;
  const box = overlay.querySelector<HTMLInputElement>("[data-keys-off]")!;
  box.checked = localStorage.getItem(off) !== null;
  box.addEventListener("change", () => (box.checked ? localStorage.setItem(off, "1") : localStorage.removeItem(off)));
  const open = () => {
    hide();
    if (!overlay.open) overlay.showModal();
  };
  document.querySelector("[data-keys]")?.addEventListener("click", open);
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || box.checked || overlay.open || writes(e.target)) return;
    if (e.key === "?") {
      e.preventDefault();
      open();
      return;
    }
    for (const there of document.querySelectorAll<HTMLElement>("[data-key]")) {
      if (there.dataset.key !== e.key) continue;
      e.preventDefault();
      there.focus();
      there.scrollIntoView({ block: "nearest" });
      return;
    }
  });
}

/** Reports whether keys go into a field. */
function writes(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit", "file"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
