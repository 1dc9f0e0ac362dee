// The queue of uploads, which does not depend on the page that is shown.
import { expired, session } from "../account/session";
import type { Options } from "../api/jobs";
import { client, JOBS } from "../api/queries";
import { expectJob } from "../api/running";
import { Store } from "../store";
import { choice } from "./choice";
import { confirmShared, discardShared, forgetShared, takeShared } from "./shared";
import { Transfer } from "./transfer";
import { deleteUnfinished, unfinishedUploads } from "./unfinished";
import { wholeVideos } from "./wholeVideos";
import { isActive, isFinished, jobOf, type State, type Upload } from "./upload";

// More would only share the same bandwidth.
const MAX_ACTIVE = 2;

/** Newest first. */
export const uploads = new Store<Upload[]>([]);

/** Files that another app or website has sent, and that the user has not confirmed. */
export const unconfirmed = new Store<File[]>([]);

const transfers = new Map<string, Transfer>();
let owner: string | undefined;

/** `whole` is whether their pictures are sent in any case. */
export function add(files: File[], options: Options, whole = wholeVideos.get()): void {
  const email = session.get()?.email;
  if (!email) return;
  // The next files are counted without those of before.
  if (uploads.get().every(isFinished)) uploads.set(uploads.get().filter(({ state }) => state !== "done"));
  for (const file of files) {
    const listener = {
      onChange: (part: Partial<Upload>) => change(transfer.id, part),
      onResume: (key: string) => removeUpload(key),
      onSuccess: () => complete(transfer),
      onStop: startNext,
    };
    const transfer: Transfer = new Transfer(file, email, options, listener, whole);
    // Two transfers of the same file would write to the same upload.
    const other = [...transfers.values()].find((one) => one.key === transfer.key);
    const state = find(other?.id)?.state;
    if (other && (state === "failed" || state === "rejected")) {
      transfers.delete(other.id);
      removeUpload(other.id);
    } else if (other) {
      if (state === "paused") resume(other.id);
      continue;
    }
    transfers.set(transfer.id, transfer);
    uploads.set([
      { id: transfer.id, name: file.name, size: file.size, sent: 0, speed: null, state: "waiting" },
      ...uploads.get(),
    ]);
  }
  startNext();
}

export function pause(id: string): void {
  transfers.get(id)?.pause();
  change(id, { state: "paused", speed: null });
  startNext();
}

export function resume(id: string): void {
  change(id, { state: "waiting", error: undefined });
  startNext();
}

/** Uploads a rejected file again with other options. */
export function addAgain(id: string, options: Options): void {
  const transfer = transfers.get(id);
  if (transfer) add([transfer.file], options);
}

/** Ends an upload and deletes what the server has of it. An upload that is complete is only removed from the list. */
export async function cancel(id: string): Promise<void> {
  const upload = find(id);
  const transfer = transfers.get(id);
  transfers.delete(id);
  removeUpload(id);
  if (transfer) {
    forgetShared(transfer.file);
    await transfer.cancel();
  } else if (upload?.state === "interrupted") {
    await deleteUnfinished(upload);
  }
  startNext();
}

export function clearFinished(): void {
  for (const upload of uploads.get().filter(isFinished)) void cancel(upload.id);
}

/** Uploads the files that the user has confirmed, also after a reload of the page. */
export async function confirm(options: Options): Promise<void> {
  const files = unconfirmed.get();
  const email = session.get()?.email;
  if (!email) return;
  unconfirmed.set([]);
  // If the browser cannot store it, the user is asked again after a reload.
  await Promise.allSettled(files.map((file) => confirmShared(file, email)));
  if (session.get()?.email === email) add(files, options);
}

export function discard(): void {
  for (const file of unconfirmed.get()) forgetShared(file);
  unconfirmed.set([]);
}

function complete(transfer: Transfer): void {
  const upload = find(transfer.id);
  const fid = upload && jobOf(upload);
  // Before the state changes, so that there is no moment at which all work seems to have ended.
  if (fid) expectJob(fid);
  change(transfer.id, { state: "done", sent: upload?.size ?? 0, speed: null });
  transfers.delete(transfer.id);
  forgetShared(transfer.file);
  void client.invalidateQueries({ queryKey: JOBS });
  startNext();
}

async function showUnfinished(email: string): Promise<void> {
  for (const upload of await unfinishedUploads(email)) {
    const known = uploads.get().some((other) => other.id === upload.id || (other.url && other.url === upload.url));
    if (session.get()?.email === email && !known) uploads.set([...uploads.get(), upload]);
  }
  if (session.get()?.email !== email) return;
  const shared = await takeShared(email);
  if (session.get()?.email !== email) return;
  add(shared.confirmed, choice.get());
  unconfirmed.set([...unconfirmed.get(), ...shared.unconfirmed]);
}

function startNext(): void {
  if (!session.get()) return;
  let active = count("uploading") + count("reconnecting");
  for (const upload of uploads.get().toReversed()) {
    if (active >= MAX_ACTIVE) return;
    const transfer = transfers.get(upload.id);
    if (upload.state !== "waiting" || !transfer) continue;
    change(upload.id, { state: "uploading" });
    transfer.start();
    active += 1;
  }
}

const find = (id: string | undefined): Upload | undefined => uploads.get().find((upload) => upload.id === id);

const count = (state: State): number => uploads.get().filter((upload) => upload.state === state).length;

function change(id: string, part: Partial<Upload>): void {
  uploads.set(uploads.get().map((upload) => (upload.id === id ? { ...upload, ...part } : upload)));
}

function removeUpload(id: string): void {
  uploads.set(uploads.get().filter((upload) => upload.id !== id));
}

function onSessionChange(): void {
  const email = session.get()?.email;
  if (email && email === owner) {
    for (const upload of uploads.get()) if (upload.state === "signed-out") change(upload.id, { state: "waiting" });
    startNext();
    return;
  }
  if (email) {
    // The uploads of another user are not shown. The server keeps their parts for a while.
    for (const transfer of transfers.values()) transfer.discard();
    transfers.clear();
    uploads.set([]);
    discard();
    owner = email;
    void showUnfinished(email);
    return;
  }
  // The next user of this browser must not get the files.
  if (owner && !expired.get()) {
    discard();
    discardShared();
  }
  for (const [id, transfer] of transfers) {
    transfer.pause();
    const upload = find(id);
    if (upload && isActive(upload)) change(id, { state: "signed-out", speed: null });
  }
}

session.subscribe(onSessionChange);
onSessionChange();

// Closing the page interrupts uploads: the user would have to choose the files again.
window.addEventListener("beforeunload", (event) => {
  if (uploads.get().some(isActive)) event.preventDefault();
});
