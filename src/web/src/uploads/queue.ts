// The queue of uploads, which does not depend on the page that is shown.
import { session } from "../account/session";
import type { Options } from "../api/jobs";
import { client, JOBS } from "../api/queries";
import { Store } from "../store";
import { Transfer } from "./transfer";
import { deleteUnfinished, unfinishedUploads } from "./unfinished";

export type State = "waiting" | "uploading" | "reconnecting" | "paused" | "signed-out" | "interrupted" | "failed";

export interface Upload {
  id: string;
  name: string;
  size: number;
  sent: number;
  /** Bytes per second; null while it is unknown. */
  speed: number | null;
  state: State;
  error?: string | undefined;
  /** The address of the upload on the server, once it has one. */
  url?: string | undefined;
}

// More would only share the same bandwidth.
const MAX_ACTIVE = 2;

/** Newest first. */
export const uploads = new Store<Upload[]>([]);

const transfers = new Map<string, Transfer>();
let owner: string | undefined;

export function add(files: File[], options: Options): void {
  const email = session.get()?.email;
  if (!email) return;
  for (const file of files) {
    const transfer = new Transfer(file, email, options, {
      onChange: (part) => change(transfer.id, part),
      onResume: (key) => removeUpload(key),
      onSuccess: () => {
        transfers.delete(transfer.id);
        removeUpload(transfer.id);
        void client.invalidateQueries({ queryKey: JOBS });
        startNext();
      },
      onStop: startNext,
    });
    // Two transfers of the same file would write to the same upload.
    const other = [...transfers.values()].find((one) => one.key === transfer.key);
    const state = uploads.get().find((upload) => upload.id === other?.id)?.state;
    if (other && state === "failed") {
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

export async function cancel(id: string): Promise<void> {
  const upload = uploads.get().find((other) => other.id === id);
  const transfer = transfers.get(id);
  transfers.delete(id);
  removeUpload(id);
  if (transfer) await transfer.cancel();
  else if (upload) await deleteUnfinished(upload);
  startNext();
}

async function showUnfinished(email: string): Promise<void> {
  for (const upload of await unfinishedUploads(email)) {
    const known = uploads.get().some((other) => other.id === upload.id || (other.url && other.url === upload.url));
    if (session.get()?.email === email && !known) uploads.set([...uploads.get(), upload]);
  }
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
    for (const transfer of transfers.values()) transfer.pause();
    transfers.clear();
    uploads.set([]);
    owner = email;
    void showUnfinished(email);
    return;
  }
  for (const [id, transfer] of transfers) {
    transfer.pause();
    const state = uploads.get().find((upload) => upload.id === id)?.state;
    if (state !== "paused" && state !== "failed") change(id, { state: "signed-out", speed: null });
  }
}

session.subscribe(onSessionChange);
onSessionChange();

// Closing the page interrupts uploads: the user would have to choose the files again.
window.addEventListener("beforeunload", (event) => {
  if (count("uploading") + count("reconnecting") + count("waiting") > 0) event.preventDefault();
});
