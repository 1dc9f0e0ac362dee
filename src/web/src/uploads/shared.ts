// Files that another app has shared with this one. The service worker (public/sw.js) stores them until they are uploaded,
// so that their uploads also resume after a reload of the page. Another website can send files as well: nothing is
// uploaded before the user has confirmed it.

// As in the service worker.
const CACHE = "shared-files";
// For each file that a user has confirmed, the user's email.
const CONFIRMED = "confirmed-files";
// ms. Files that nobody has uploaded by then are deleted.
const LONGEST = 24 * 3600 * 1000;

interface Entry {
  address: string;
  release: () => void;
}

const entries = new WeakMap<File, Entry>();

export interface Shared {
  /** What the user has confirmed, before a reload of the page. */
  confirmed: File[];
  /** What nobody has confirmed. */
  unconfirmed: File[];
}

/** The shared files that no other tab has and no other user has confirmed. */
export async function takeShared(email: string): Promise<Shared> {
  const shared: Shared = { confirmed: [], unconfirmed: [] };
  if (!("caches" in window) || !(await caches.has(CACHE))) return shared;
  const cache = await caches.open(CACHE);
  const confirmations = await caches.open(CONFIRMED);
  for (const { url: address } of await cache.keys()) {
    const release = await claim(address);
    if (!release) continue;
    const file = await read(cache, address);
    const user = await (await confirmations.match(address))?.text();
    if (!file || Date.now() - file.lastModified >= LONGEST) {
      await remove(address);
      release();
    } else if (user === undefined || user === email) {
      entries.set(file, { address, release });
      (user ? shared.confirmed : shared.unconfirmed).push(file);
    } else {
      release();
    }
  }
  return shared;
}

/** Remembers that the user wants to upload a shared file, so that a reload of the page does not ask again. */
export async function confirmShared(file: File, email: string): Promise<void> {
  const entry = entries.get(file);
  if (!entry) return;
  const confirmations = await caches.open(CONFIRMED);
  await confirmations.put(entry.address, new Response(email));
}

async function read(cache: Cache, address: string): Promise<File | null> {
  const response = await cache.match(address);
  if (!response) return null;
  const { headers } = response;
  // `lastModified` is a part of the key by which an upload is resumed.
  return new File([await response.blob()], decodeURIComponent(headers.get("X-Name") ?? "Video"), {
    type: headers.get("Content-Type") ?? "",
    lastModified: Number(headers.get("X-Last-Modified")),
  });
}

/** Holds a lock until it is released or this tab is closed; null if another tab holds it. */
function claim(name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) =>
      lock ? new Promise<void>((release) => resolve(release)) : resolve(null),
    );
  });
}

/** Deletes a file that was uploaded or is no longer wanted; does nothing if it was not shared. */
export function forgetShared(file: File): void {
  const entry = entries.get(file);
  if (!entry) return;
  entries.delete(file);
  void remove(entry.address).finally(entry.release);
}

async function remove(address: string): Promise<void> {
  for (const name of [CACHE, CONFIRMED]) await (await caches.open(name)).delete(address);
}

/** Deletes all shared files. */
export function discardShared(): void {
  if (!("caches" in window)) return;
  void caches.delete(CACHE);
  void caches.delete(CONFIRMED);
}
