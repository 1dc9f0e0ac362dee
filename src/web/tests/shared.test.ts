import { beforeEach, expect, test, vi } from "vitest";

// The Cache API and the locks of one browser, as far as the module uses them.
let stored: Map<string, Map<string, Response>>;
let held: Set<string>;

const caches = {
  has: (name: string) => Promise.resolve(stored.has(name)),
  delete: (name: string) => Promise.resolve(stored.delete(name)),
  open: (name: string) => {
    const entries = stored.get(name) ?? new Map<string, Response>();
    stored.set(name, entries);
    return Promise.resolve({
      keys: () => Promise.resolve([...entries.keys()].map((url) => ({ url }))),
      match: (url: string) => Promise.resolve(entries.get(url)?.clone()),
      put: (url: string, response: Response) => Promise.resolve(void entries.set(url, response)),
      delete: (url: string) => Promise.resolve(entries.delete(url)),
    });
  },
};

const locks = {
  request: async (name: string, _: object, run: (lock: object | null) => Promise<void> | void) => {
    if (held.has(name)) return run(null);
    held.add(name);
    await run({});
    held.delete(name);
  },
};

vi.stubGlobal("caches", caches);
Object.assign(window, { caches });
vi.stubGlobal("navigator", { ...navigator, locks });
const { confirmShared, discardShared, forgetShared, takeShared } = await import("../src/uploads/shared");

const names = async (email: string) => {
  const { confirmed, unconfirmed } = await takeShared(email);
  return { confirmed: confirmed.map(({ name }) => name), unconfirmed: unconfirmed.map(({ name }) => name) };
};

/** As the service worker does. */
async function arrives(name: string, lastModified = Date.now()) {
  const headers = { "X-Name": encodeURIComponent(name), "X-Last-Modified": String(lastModified) };
  await (await caches.open("shared-files")).put(`/app/share/${name}`, new Response("video", { headers }));
}

/** Closing a tab releases its locks. */
const reload = () => held.clear();

beforeEach(() => {
  stored = new Map();
  held = new Set();
});

test("a shared file is not confirmed until its user has confirmed it", async () => {
  await arrives("a ä.mp4");
  const { confirmed, unconfirmed } = await takeShared("one@example.com");
  expect(confirmed).toEqual([]);
  reload();
  expect(await names("one@example.com")).toEqual({ confirmed: [], unconfirmed: ["a ä.mp4"] });
  await confirmShared(unconfirmed[0]!, "one@example.com");
  reload();
  expect(await names("one@example.com")).toEqual({ confirmed: ["a ä.mp4"], unconfirmed: [] });
});

test("a file that one user has confirmed is kept from another one", async () => {
  await arrives("a.mp4");
  const { unconfirmed } = await takeShared("one@example.com");
  await confirmShared(unconfirmed[0]!, "one@example.com");
  reload();
  expect(await names("two@example.com")).toEqual({ confirmed: [], unconfirmed: [] });
  expect(await names("one@example.com")).toEqual({ confirmed: ["a.mp4"], unconfirmed: [] });
});

test("a file that another tab has is not taken", async () => {
  await arrives("a.mp4");
  await takeShared("one@example.com");
  expect(await names("one@example.com")).toEqual({ confirmed: [], unconfirmed: [] });
});

test("nothing is left of a file that is forgotten or old", async () => {
  await arrives("a.mp4");
  await arrives("old.mp4", Date.now() - 25 * 3600 * 1000);
  const { unconfirmed } = await takeShared("one@example.com");
  expect(unconfirmed.map(({ name }) => name)).toEqual(["a.mp4"]);
  await confirmShared(unconfirmed[0]!, "one@example.com");
  forgetShared(unconfirmed[0]!);
  await vi.waitFor(() => expect([...stored.values()].map(({ size }) => size)).toEqual([0, 0]));
  await vi.waitFor(() => expect(held.size).toBe(0));
});

test("all files are discarded with their confirmations", async () => {
  await arrives("a.mp4");
  const { unconfirmed } = await takeShared("one@example.com");
  await confirmShared(unconfirmed[0]!, "one@example.com");
  discardShared();
  expect(stored.size).toBe(0);
});
