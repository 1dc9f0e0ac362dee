// The uploads of this browser: some at a time, resumable, and independent of what the page shows.
import { session } from "../account/session";
import { type Options } from "../api/jobs";
import { client, JOBS } from "../api/queries";
import { Store } from "../store";
import { earlier, forget } from "./earlier";
import { Transfer } from "./transfer";

export type State = "waiting" | "uploading" | "reconnecting" | "paused" | "signin" | "missing" | "failed";

export interface Upload {
  id: string;
  name: string;
  size: number;
  sent: number;
  /** Bytes per second; null while that cannot be told. */
  speed: number | null;
  state: State;
  error?: string;
  /** Where the server keeps what it has of it. */
  url?: string;
}

// More would only share the same bandwidth.
const AT_ONCE = 2;

/** Newest first, as shown. */
export const uploads = new Store<Upload[]>([]);

const transfers = new Map<string, Transfer>();
let owner: string | undefined;

export function add(files: File[], options: Options): void {
  const email = session.get()?.email;
  if (!email) return;
  for (const file of files) {
    const transfer = new Transfer(file, email, options, {
      changed: (part) => change(transfer.id, part),
      resumed: (key) => removeRow(key),
      done: () => {
        transfers.delete(transfer.id);
        removeRow(transfer.id);
        void client.invalidateQueries({ queryKey: JOBS });
        pump();
      },
      stopped: pump,
    });
    // The same file twice at a time would be two hands on one upload.
    const other = [...transfers.values()].find((one) => one.key === transfer.key);
    const state = uploads.get().find((upload) => upload.id === other?.id)?.state;
    if (other && state === "failed") {
      transfers.delete(other.id);
      removeRow(other.id);
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
  pump();
}

export function pause(id: string): void {
  transfers.get(id)?.pause();
  change(id, { state: "paused", speed: null });
  pump();
}

export function resume(id: string): void {
  change(id, { state: "waiting", error: undefined });
  pump();
}

export async function cancel(id: string): Promise<void> {
  const upload = uploads.get().find((other) => other.id === id);
  const transfer = transfers.get(id);
  transfers.delete(id);
  removeRow(id);
  if (transfer) await transfer.cancel();
  else if (upload) await forget(upload);
  pump();
}

/** Shows what an earlier visit left unfinished: the server has a part, the browser has lost the file. */
async function recall(email: string): Promise<void> {
  for (const left of await earlier(email)) {
    const known = uploads.get().some((upload) => upload.id === left.id || (upload.url && upload.url === left.url));
    if (session.get()?.email === email && !known) uploads.set([...uploads.get(), left]);
  }
}

function pump(): void {
  if (!session.get()) return;
  let running = count("uploading") + count("reconnecting");
  for (const upload of uploads.get().toReversed()) {
    if (running >= AT_ONCE) return;
    const transfer = transfers.get(upload.id);
    if (upload.state !== "waiting" || !transfer) continue;
    change(upload.id, { state: "uploading" });
    transfer.start();
    running += 1;
  }
}

const count = (state: State): number => uploads.get().filter((upload) => upload.state === state).length;

function change(id: string, part: Partial<Upload>): void {
  uploads.set(uploads.get().map((upload) => (upload.id === id ? { ...upload, ...part } : upload)));
}

function removeRow(id: string): void {
  uploads.set(uploads.get().filter((upload) => upload.id !== id));
}

function signedInOrOut(): void {
  const email = session.get()?.email;
  if (email && email === owner) {
    for (const upload of uploads.get()) if (upload.state === "signin") change(upload.id, { state: "waiting" });
    pump();
    return;
  }
  if (email) {
    // Somebody else's uploads are not shown; what the server has of them stays there for a while.
    for (const transfer of transfers.values()) transfer.pause();
    transfers.clear();
    uploads.set([]);
    owner = email;
    void recall(email);
    return;
  }
  for (const [id, transfer] of transfers) {
    transfer.pause();
    const state = uploads.get().find((upload) => upload.id === id)?.state;
    if (state !== "paused" && state !== "failed") change(id, { state: "signin", speed: null });
  }
}

session.subscribe(signedInOrOut);
signedInOrOut();

// Leaving now would lose the file, though not what was sent.
window.addEventListener("beforeunload", (event) => {
  if (count("uploading") + count("reconnecting") + count("waiting") > 0) event.preventDefault();
});
