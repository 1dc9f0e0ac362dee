// One connection that tells what becomes of the jobs (Server-Sent Events), for as long as somebody is signed in.
import { createEventSource } from "eventsource-client";
import { useEffect } from "react";
import { expire, session } from "../account/session";
import { Store, useStore } from "../store";
import { reachable } from "./connection";
import { type Job } from "./jobs";
import { client, drop, JOBS, put } from "./queries";

export const live = new Store(false);

/** Whoever wants to hear of each change. */
export const changes = new Store<Job | null>(null);

export function useLiveJobs(): void {
  const token = useStore(session)?.token;
  useEffect(() => {
    if (!token) return;
    // The list may be older than the connection: the first one too, which comes after it.
    let stale = true;
    const online = () => void client.invalidateQueries({ queryKey: JOBS });
    const source = createEventSource({
      url: new URL("/jobs/events", location.origin),
      headers: { Authorization: `Bearer ${token}` },
      fetch: async (url, init) => {
        const response = await fetch(url, { ...(init as RequestInit), credentials: "omit" });
        if (response.status === 401) expire(token);
        // The body of a refusal is no stream; the client tries again later.
        if (!response.ok) throw new Error(`no events: ${response.status}`);
        reachable.set(true);
        return response;
      },
      onConnect: () => live.set(true),
      onScheduleReconnect: () => {
        live.set(false);
        stale = true;
        void probe();
      },
      onMessage: ({ event, data }) => {
        if (event === "ready" && stale) {
          // What happened while there was no connection is only in a list that is asked for now.
          stale = false;
          // One that is under way is older too, and would not be asked for again.
          void client.cancelQueries().then(() => client.invalidateQueries());
        }
        if (event === "job") {
          const job = JSON.parse(data) as Job;
          put(job);
          changes.set(job);
          // There is no list yet to put it into, and the one that is under way may be older.
          if (!client.getQueryData(JOBS)) void client.cancelQueries({ queryKey: JOBS }).then(online);
        }
        if (event === "deleted") drop((JSON.parse(data) as { video_fid: string }).video_fid);
      },
    });
    window.addEventListener("online", online);
    return () => {
      window.removeEventListener("online", online);
      source.close();
      live.set(false);
    };
  }, [token]);
}

/** Tells a server that is gone from a stream that merely ended. */
async function probe(): Promise<void> {
  try {
    const response = await fetch("/healthz", { signal: AbortSignal.timeout(5_000), cache: "no-store" });
    reachable.set(response.ok);
  } catch {
    reachable.set(false);
  }
}
