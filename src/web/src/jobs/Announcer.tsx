// Announces to screen readers that a job has ended.
import { VisuallyHidden } from "@mantine/core";
import { useEffect, useState } from "react";
import { lastUpdate } from "../api/live";
import { endMessage } from "./labels";

export function Announcer() {
  const [message, setMessage] = useState("");
  useEffect(() => {
    const statuses = new Map<string, string>();
    return lastUpdate.subscribe(() => {
      const job = lastUpdate.get();
      if (!job) return;
      const before = statuses.get(job.video_fid);
      statuses.set(job.video_fid, job.status);
      // The first update shows the current status, which is not a change.
      if (before !== undefined && before !== job.status) setMessage(endMessage(job));
    });
  }, []);
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {message}
    </VisuallyHidden>
  );
}
