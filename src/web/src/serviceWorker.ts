// Registers the service worker, which receives files that other apps share. It handles no other requests.

/** Its scope: the address of the share target in public/manifest.webmanifest. */
export const SHARE = "/app/share";

export function registerServiceWorker(): void {
  // Browsers have service workers only with HTTPS or on this machine, and not in every private window.
  if (import.meta.env.PROD && "serviceWorker" in navigator) {
    navigator.serviceWorker.register("/sw.js", { scope: SHARE }).catch(() => undefined);
  }
}
