// Updates of all jobs over one connection (Server-Sent Events) while the user is signed in.
import { createEventSource } from "eventsource-client";
import { useEffect } from "react";
import { expire, session } from "../account/session";
import { Store, useStore } from "../store";
import { reachable } from "./connection";
import { client, JOBS, putJob, removeJob } from "./queries";
import type { Job } from "./schema";

/** Whether the connection is open. */
export const live = new Store(false);

/** The job that was updated last. */
export const lastUpdate = new Store<Job | null>(null);

export function useLiveJobs(): void {
  const token = useStore(session)?.token;
  useEffect(() => {
    if (!token) return;
    // Data that was loaded before the connection was open may be outdated.
    let stale = true;
    const reload = () => void client.invalidateQueries({ queryKey: JOBS });
    const source = createEventSource({
      url: new URL("/jobs/events", location.origin),
      headers: { Authorization: `Bearer ${token}` },
      fetch: async (url, init) => {
        const response = await fetch(url, { ...(init as RequestInit), credentials: "omit" });
        if (response.status === 401) expire(token);
        // An error is not an event stream. The client reconnects later.
        if (!response.ok) throw new Error(`no event stream: ${response.status}`);
        reachable.set(true);
        return response;
      },
      onConnect: () => live.set(true),
      onScheduleReconnect: () => {
        live.set(false);
        stale = true;
        void checkHealth();
      },
      onMessage: ({ event, data }) => {
        if (event === "ready" && stale) {
          // Changes made while there was no connection are only in data that is requested now. Requests that are in
          // progress may be too old as well, and would otherwise not be repeated.
          stale = false;
          void client.cancelQueries().then(() => client.invalidateQueries());
        }
        if (event === "job") {
          const job = JSON.parse(data) as Job;
          putJob(job);
          lastUpdate.set(job);
          // Without a list to update, the request in progress may return one that is too old.
          if (!client.getQueryData(JOBS)) void client.cancelQueries({ queryKey: JOBS }).then(reload);
        }
        if (event === "deleted") removeJob((JSON.parse(data) as Pick<Job, "video_fid">).video_fid);
      },
    });
    window.addEventListener("online", reload);
    return () => {
      window.removeEventListener("online", reload);
      source.close();
      live.set(false);
    };
  }, [token]);
}

/** The stream has ended: finds out whether the server is down. */
async function checkHealth(): Promise<void> {
  try {
    const response = await fetch("/healthz", { signal: AbortSignal.timeout(5_000), cache: "no-store" });
    reachable.set(response.ok);
  } catch {
    reachable.set(false);
  }
}
