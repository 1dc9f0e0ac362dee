// Whether the server answers, as far as the last request knows.
import { Store } from "../store";

export const reachable = new Store(true);

// The browser knows at once when there is no network; that there is one says nothing about the server.
window.addEventListener("offline", () => reachable.set(false));
