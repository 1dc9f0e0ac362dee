// Whether the server answers, as far as the last request knows.
import { Store } from "../store";

export const reachable = new Store(true);
