// Tells a screen reader, wherever it is in the page, when a job has ended.
import { VisuallyHidden } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { changes } from "../api/live";
import { useStore } from "../store";

export function Announcer() {
  const job = useStore(changes);
  const said = useRef(new Map<string, string>());
  const [sentence, setSentence] = useState("");
  useEffect(() => {
    if (!job) return;
    const before = said.current.get(job.video_fid);
    said.current.set(job.video_fid, job.status);
    // The first look at an old job is no news.
    if (before === undefined || before === job.status) return;
    if (job.status === "completed") setSentence(`${job.filename} is ready.`);
    if (job.status === "failed") setSentence(`${job.filename} failed: ${job.error ?? "unknown reason"}`);
  }, [job]);
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {sentence}
    </VisuallyHidden>
  );
}
