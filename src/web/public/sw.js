// The service worker: receives the files that another app shares with this one (the share target of the manifest), and
// opens the page when a notification is clicked. Nothing is cached for use without a network: without the server there
// is nothing to convert, and pages from a cache could be older than the server.
"use strict";

const SHARE = "/app/share";
// As in src/uploads/shared.ts, which uploads the files after the user has confirmed them.
const CACHE = "shared-files";

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "POST" && new URL(url).pathname === SHARE) event.respondWith(receive(event.request));
});

async function receive(request) {
  let result = "failed";
  try {
    const form = await request.formData();
    const files = form.getAll("file").filter((value) => value instanceof File && value.size > 0);
    const cache = await caches.open(CACHE);
    for (const file of files) {
      const headers = {
        "Content-Type": file.type,
        "X-Name": encodeURIComponent(file.name),
        "X-Last-Modified": String(file.lastModified),
      };
      await cache.put(`${SHARE}/${crypto.randomUUID()}`, new Response(file, { headers }));
    }
    if (files.length > 0) result = "stored";
  } catch {
    // The body is incomplete, or the browser has no space left.
  }
  return Response.redirect(`/?shared=${result}`, 303);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((windows) => {
      const [first] = windows;
      return first ? first.focus() : self.clients.openWindow("/");
    }),
  );
});
