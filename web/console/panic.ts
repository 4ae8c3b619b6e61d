// Esc hides everything and locks. The curtain falls first; the server is told behind it.

const patience = 400; // milliseconds that the lock waits, behind the curtain, until it is told what was shown

/** Wires the panic key and the lock button. hide takes a shown picture away. */
export function panic(hide: () => Promise<void>): void {
  const curtain = document.getElementById("curtain");
  if (!curtain) return; // nobody is signed in
  let locking = false;
  const lock = async () => {
    const told = hide();
    if (locking) return;
    locking = true;
    document.querySelector<HTMLDialogElement>("dialog[open]")?.close();
    curtain.hidden = false;
    document.title = "·";
    let sent: Promise<unknown> | undefined;
    const send = () => (sent ??= fetch("/console/lock", { method: "POST", headers: { Accept: "application/json" }, keepalive: true }));
    window.addEventListener("pagehide", send); // whoever closes the window does not wait
    await Promise.race([told, new Promise((late) => setTimeout(late, patience))]); // a locked session tells nothing
    try {
      await send();
    } finally {
      location.replace("/console/locked");
    }
  };
  document.addEventListener(
    "keydown",
    (e) => {
      if (e.key !== "Escape" || e.isComposing) return;
      e.preventDefault();
      lock();
    },
    true,
  );
  document.querySelector("[data-lock]")?.addEventListener("click", (e) => {
    e.preventDefault();
    lock();
  });
}
