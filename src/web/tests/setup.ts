// The parts of a browser that the tested modules need beyond what Node.js has.
import { vi } from "vitest";

const stored = new Map<string, string>();

vi.stubGlobal("window", new EventTarget());
vi.stubGlobal("localStorage", {
  get length() {
    return stored.size;
  },
  key: (index: number) => [...stored.keys()][index] ?? null,
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value),
  removeItem: (key: string) => void stored.delete(key),
});
// Dates are in the browser's language.
vi.stubGlobal("navigator", { ...navigator, languages: ["en"] });
