// Who is signed in: the token, kept over reloads and shared by the tabs of this browser.
import { Store } from "../store";

export interface Session {
  token: string;
  email: string;
}

const KEY = "video2mp3.token";

/** Why there is no session any more: signing out is no reason to say anything. */
export const expired = new Store(false);
export const session = new Store<Session | null>(read(localStorage.getItem(KEY)));

export function begin(token: string): void {
  const begun = read(token);
  if (!begun) throw new Error("The server sent a token that cannot be read.");
  localStorage.setItem(KEY, token);
  expired.set(false);
  session.set(begun);
}

export function end(): void {
  localStorage.removeItem(KEY);
  expired.set(false);
  session.set(null);
}

/** The server no longer accepts the token; a newer one may be there already. */
export function expire(token: string | undefined): void {
  if (session.get()?.token !== token || token === undefined) return;
  localStorage.removeItem(KEY);
  expired.set(true);
  session.set(null);
}

window.addEventListener("storage", (event) => {
  if (event.key === KEY) session.set(read(event.newValue));
});

/** Reads the claims for display only: whether the token is valid is the server's business. */
function read(token: string | null): Session | null {
  try {
    const encoded = (token ?? "").split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (token && typeof claims === "object" && claims && "username" in claims) {
      return { token, email: String(claims.username) };
    }
  } catch {
    // Not a token: as good as none.
  }
  return null;
}
