// Deletions that can still be undone, or that the server has not confirmed. The browser stores them, so that a deletion
// needs neither the page nor the session in which it was made. All tabs see the same ones.
import { notifications } from "@mantine/notifications";
import { session } from "../account/session";
import { Refused } from "../api/http";
import { deleteJob } from "../api/jobs";
import { removeJob } from "../api/queries";
import { Store } from "../store";

// ms
export const UNDO_TIME = 10_000;
const RETRY_DELAY = 15_000;
const FLUSH_TIMEOUT = 5_000;
// How much later other tabs carry out a deletion than the one in which it can be undone.
const LEAD = 2_000;

const PREFIX = "video2mp3.deletion|";
// The last value of a deletion that was carried out, by which other tabs distinguish it from one that was undone.
const DONE = "done";

/** The ids of jobs that are shown as deleted. */
export const hidden = new Store<ReadonlySet<string>>(new Set());

const timers = new Map<string, ReturnType<typeof setTimeout>>();
const inProgress = new Map<string, Promise<void>>();
// The deletions of this tab that can be undone, oldest first.
const undoable = new Set<string>();

const keyOf = (email: string, fid: string): string => `${PREFIX}${encodeURIComponent(email)}|${fid}`;

export const noticeOf = (fid: string): string => `deleted-${fid}`;

/** Hides a job, and deletes it on the server when it can no longer be undone. */
export function schedule(fid: string): void {
  const email = session.get()?.email;
  if (!email) return;
  undoable.add(fid);
  localStorage.setItem(keyOf(email, fid), String(Date.now() + UNDO_TIME));
  sync();
}

/** Does nothing if the server has been asked to delete the job already. */
export function undo(fid: string): void {
  const email = session.get()?.email;
  if (!email || !undoable.has(fid)) return;
  localStorage.removeItem(keyOf(email, fid));
  sync();
}

export function undoLast(): void {
  const last = [...undoable].at(-1);
  if (last) undo(last);
}

/**
 * Carries out all deletions of the account, while its token can still be used. Returns how many the server did not
 * confirm in time: they are left for the next time that the account is signed in.
 */
export async function flush(): Promise<number> {
  const email = session.get()?.email;
  if (!email) return 0;
  const all = [...stored(email).keys()].map((fid) => carryOut(email, fid));
  await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, FLUSH_TIMEOUT))]);
  return stored(email).size;
}

/** Ids of jobs, with the time (ms) at which each is to be deleted. */
function stored(email: string): Map<string, number> {
  const prefix = keyOf(email, "");
  const keys = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "");
  return new Map(
    keys
      .filter((key) => key.startsWith(prefix))
      .map((key) => [key.slice(prefix.length), Number(localStorage.getItem(key)) || 0]),
  );
}

/** Hides and schedules what is stored for the account. */
function sync(): void {
  const email = session.get()?.email;
  const pending = email ? stored(email) : new Map<string, number>();
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  for (const fid of undoable) if (!pending.has(fid)) endUndo(fid);
  hidden.set(new Set(pending.keys()));
  if (!email) return;
  for (const [fid, due] of pending) {
    const delay = due - Date.now() + (undoable.has(fid) ? 0 : LEAD);
    // The clock may have been changed.
    carryOutLater(email, fid, Math.min(UNDO_TIME + LEAD, Math.max(0, delay)));
  }
}

function carryOutLater(email: string, fid: string, delay: number): void {
  timers.set(
    fid,
    setTimeout(() => void carryOut(email, fid), delay),
  );
}

function carryOut(email: string, fid: string): Promise<void> {
  const attempt = inProgress.get(fid) ?? deleteOnServer(email, fid).finally(() => inProgress.delete(fid));
  inProgress.set(fid, attempt);
  return attempt;
}

async function deleteOnServer(email: string, fid: string): Promise<void> {
  // Undone in another tab.
  if (localStorage.getItem(keyOf(email, fid)) === null) return;
  endUndo(fid);
  const isSignedIn = () => session.get()?.email === email;
  try {
    await deleteJob(fid);
  } catch (error) {
    if (mayWorkLater(error)) {
      if (isSignedIn()) carryOutLater(email, fid, RETRY_DELAY);
      return;
    }
    if (!isGone(error)) {
      localStorage.removeItem(keyOf(email, fid));
      if (isSignedIn()) reportFailure(error as Error);
      sync();
      return;
    }
  }
  localStorage.setItem(keyOf(email, fid), DONE);
  localStorage.removeItem(keyOf(email, fid));
  removeJob(fid);
  sync();
}

const isGone = (error: unknown): boolean => error instanceof Refused && error.status === 404;

/** Without the server, with an expired token, and while the server is busy or unavailable. */
const mayWorkLater = (error: unknown): boolean =>
  !(error instanceof Refused) || error.status === 401 || error.status === 429 || error.status >= 500;

function reportFailure(error: Error): void {
  notifications.show({ color: "red", title: "The MP3 could not be deleted", message: error.message });
}

function endUndo(fid: string): void {
  undoable.delete(fid);
  notifications.hide(noticeOf(fid));
}

// The page is closed, which ends the undo time. Whether the server gets this request is seen at the next visit.
window.addEventListener("pagehide", () => {
  const email = session.get()?.email;
  for (const fid of undoable) {
    if (email) localStorage.setItem(keyOf(email, fid), "0");
    void deleteJob(fid, true).catch(() => undefined);
    endUndo(fid);
  }
});
// The page is shown again by the button "Back".
window.addEventListener("pageshow", sync);
window.addEventListener("storage", ({ key, newValue }) => {
  if (key !== null && !key.startsWith(PREFIX)) return;
  if (key && newValue === DONE) removeJob(key.slice(key.lastIndexOf("|") + 1));
  sync();
});
session.subscribe(() => {
  if (!session.get()) notifications.clean();
  sync();
});
sync();
