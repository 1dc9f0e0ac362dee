// The jobs that have not ended, as far as this page knows them.
import { session } from "../account/session";
import { Store } from "../store";
import { hasEnded } from "./jobs";
import type { Job } from "./schema";

export const running = new Store<ReadonlySet<string>>(new Set());

/** The last job that ended while it was among them, or before the response to its upload. */
export const lastEnded = new Store<Job | null>(null);

// For each job, when it was changed last: a slow response can be older than an event.
const updates = new Map<string, Job["updated_at"]>();
// The jobs that had ended when this page saw them first.
const endedUnseen = new Map<string, Job>();

export function trackJob(job: Job): void {
  const { video_fid: fid, updated_at: updatedAt } = job;
  if (updatedAt < (updates.get(fid) ?? "")) return;
  if (!updates.has(fid) && hasEnded(job)) endedUnseen.set(fid, job);
  updates.set(fid, updatedAt);
  if (!hasEnded(job)) {
    addJob(fid);
  } else if (running.get().has(fid)) {
    // First, so that a listener that counts the results has all of them when no job is left.
    lastEnded.set(job);
    forgetJob(fid);
  }
}

/** An upload is complete: its job is not known yet, or has even ended. */
export function expectJob(fid: string): void {
  const job = endedUnseen.get(fid);
  if (job) lastEnded.set(job);
  endedUnseen.delete(fid);
  if (!updates.has(fid)) addJob(fid);
}

export function forgetJob(fid: string): void {
  if (running.get().has(fid)) running.set(new Set([...running.get()].filter((other) => other !== fid)));
}

function addJob(fid: string): void {
  if (!running.get().has(fid)) running.set(new Set([...running.get(), fid]));
}

session.subscribe(() => {
  updates.clear();
  endedUnseen.clear();
  running.set(new Set());
});
