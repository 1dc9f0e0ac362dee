// Files that another app has shared with this one. The service worker (public/sw.js) stores them until they are uploaded,
// so that their uploads also resume after a reload of the page.

// As in the service worker.
const CACHE = "shared-files";
// ms. Files that nobody has uploaded by then are deleted.
const LONGEST = 24 * 3600 * 1000;

interface Entry {
  address: string;
  release: () => void;
}

const entries = new WeakMap<File, Entry>();

/** The shared files that no other tab uploads. */
export async function takeShared(): Promise<File[]> {
  if (!("caches" in window) || !(await caches.has(CACHE))) return [];
  const cache = await caches.open(CACHE);
  const files: File[] = [];
  for (const { url: address } of await cache.keys()) {
    const release = await claim(address);
    if (!release) continue;
    const file = await read(cache, address);
    if (file && Date.now() - file.lastModified < LONGEST) {
      entries.set(file, { address, release });
      files.push(file);
    } else {
      await cache.delete(address);
      release();
    }
  }
  return files;
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
  void caches
    .open(CACHE)
    .then((cache) => cache.delete(entry.address))
    .finally(entry.release);
}

/** Deletes all shared files. */
export function discardShared(): void {
  if ("caches" in window) void caches.delete(CACHE);
}
