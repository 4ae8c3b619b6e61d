// The texts of the page's language, as the server's files have them.
const all: Record<string, string> = JSON.parse(document.body.dataset.texts || "{}");

/** Returns the text of a key with its placeholders filled. */
export function text(key: string, fill: Record<string, string | number> = {}): string {
  let out = all["script." + key] ?? key;
  for (const name of Object.keys(fill)) out = out.replace("{" + name + "}", String(fill[name]));
  return out;
}
