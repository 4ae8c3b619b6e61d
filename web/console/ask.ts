/** What the server says when it does not do what was asked. */
export class Refused extends Error {
  constructor(readonly code: string, readonly title: string) {
    super(title);
  }
}

/**
 * Posts fields to a path of ours and returns the answer. Whoever has no session any more is taken to
 * where they get one; what is hidden stays hidden on the way.
 */
export async function ask<T>(path: string, fields: Record<string, string>, last = false): Promise<T> {
  const answer = await fetch(path, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(fields),
    keepalive: last, // the page may be on its way out
  });
  const said = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return said as T;
  if (answer.status === 401) location.replace(said.code === "session-locked" ? "/console/locked" : "/console/sign-in");
  throw new Refused(said.code, said.title);
}
