// Whether the server answered the last request.
import { Store } from "../store";

export const reachable = new Store(true);

/** Whether a proxy has answered because the gateway did not. */
export const isFromProxy = (status: number): boolean => status === 502 || status === 504;

// The browser knows when there is no network. A network does not mean that the server can be reached.
window.addEventListener("offline", () => reachable.set(false));
