// The options of the next uploads. The browser keeps them over reloads for the user who chose them.
import { session } from "../account/session";
import type { Options } from "../api/jobs";
import { Store } from "../store";
import { validOptions } from "./options";

const KEY = "video2mp3.options";

export const choice = new Store<Options>(load());

export function choose(options: Options): void {
  choice.set(options);
  if (Object.keys(options).length === 0) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, JSON.stringify({ email: session.get()?.email, options }));
}

/** What is stored may have been written by another release or another program. */
function load(): Options {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (typeof stored !== "object" || !stored || !("email" in stored) || !("options" in stored)) return {};
    return stored.email === session.get()?.email ? validOptions(stored.options) : {};
  } catch {
    return {};
  }
}

session.subscribe(() => {
  if (session.get()) choice.set(load());
});
