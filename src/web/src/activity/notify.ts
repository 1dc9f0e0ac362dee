// A notification of the browser when all work has ended while the page is hidden.
import { session } from "../account/session";
import { isCancelled } from "../api/jobs";
import { lastEnded } from "../api/running";
import { SHARE } from "../serviceWorker";
import { Store } from "../store";
import { uploads } from "../uploads/queue";
import { activity, isBusy } from "./activity";

const KEY = "video2mp3.notify";

/** `blocked` by the user in the browser, `unavailable` without HTTPS. */
export type Notifying = "on" | "off" | "blocked" | "unavailable";

export const notifying = new Store<Notifying>(current());

function current(): Notifying {
  if (!("Notification" in window) || !window.isSecureContext) return "unavailable";
  if (Notification.permission === "denied") return "blocked";
  return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
}

/** Asks the user for the permission when it is needed. */
export async function setNotifying(on: boolean): Promise<void> {
  if (on) await Notification.requestPermission();
  localStorage.setItem(KEY, on ? "on" : "off");
  notifying.set(current());
}

export function doneText(completed: number, failed: number): string {
  const parts = [];
  if (completed) parts.push(completed === 1 ? "1 MP3 is ready" : `${completed} MP3s are ready`);
  if (failed) parts.push(failed === 1 ? "1 file failed" : `${failed} files failed`);
  return parts.length ? `${parts.join(", ")}.` : "";
}

async function show(text: string): Promise<void> {
  // A later notification replaces it.
  const options = { body: text, tag: "done", icon: "/icons/192.png" };
  // On phones, only service workers can show notifications.
  const worker = await navigator.serviceWorker?.getRegistration(SHARE);
  if (worker?.active) return worker.showNotification("Video2MP3", options);
  new Notification("Video2MP3", options).onclick = () => window.focus();
}

let busy = isBusy(activity.get());
let completed = 0;
let failed = 0;

lastEnded.subscribe(() => {
  const job = lastEnded.get();
  if (job?.status === "completed") completed += 1;
  else if (job && !isCancelled(job)) failed += 1;
});

activity.subscribe(() => {
  const before = busy;
  busy = isBusy(activity.get());
  if (busy || !before) return;
  const unsent = uploads.get().filter(({ state }) => state === "failed" || state === "rejected");
  const text = doneText(completed, failed + unsent.length);
  completed = failed = 0;
  // Without a session, the work has been interrupted.
  if (text && document.hidden && session.get() && notifying.get() === "on") void show(text);
});
