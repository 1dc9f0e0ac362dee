// Whether the server answers, as far as the last request knows.
import { Store } from "../store";

export const reachable = new Store(true);

/** Whether an answer is a proxy's, in place of a server that does not answer. */
export const isFromProxy = (status: number): boolean => status === 502 || status === 504;

// The browser knows at once when there is no network; that there is one says nothing about the server.
window.addEventListener("offline", () => reachable.set(false));
