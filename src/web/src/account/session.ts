// The signed-in user: the token is kept over reloads and shared by the tabs of this browser.
import { Store } from "../store";

export interface Session {
  token: string;
  email: string;
  admin: boolean;
}

const KEY = "video2mp3.token";
// Stored in place of a token that has expired, so that the other tabs know why the session ended.
const EXPIRED = "expired";

/** Whether the session ended because its token expired, rather than because the user signed out. */
export const expired = new Store(localStorage.getItem(KEY) === EXPIRED);
export const session = new Store<Session | null>(parse(localStorage.getItem(KEY)));

export function signIn(token: string): void {
  const started = parse(token);
  if (!started) throw new Error("The server sent an invalid token. Try again later.");
  localStorage.setItem(KEY, token);
  expired.set(false);
  session.set(started);
}

export function signOut(): void {
  localStorage.removeItem(KEY);
  expired.set(false);
  session.set(null);
}

/** Ends the session after the server has rejected its token. Does nothing if there is a newer token already. */
export function expire(token: string | undefined): void {
  if (session.get()?.token !== token || token === undefined) return;
  localStorage.setItem(KEY, EXPIRED);
  expired.set(true);
  session.set(null);
}

window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  // First, as in the functions above: what observes the session reads why it ended.
  expired.set(event.newValue === EXPIRED);
  session.set(parse(event.newValue));
});

/** Reads the claims for display only; the server validates the token. */
function parse(token: string | null): Session | null {
  try {
    const encoded = (token ?? "").split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (token && typeof claims === "object" && claims && "username" in claims) {
      return { token, email: String(claims.username), admin: "admin" in claims && claims.admin === true };
    }
  } catch {
    // An invalid token is treated as absent.
  }
  return null;
}
