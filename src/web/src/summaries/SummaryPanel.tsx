// The summary of an MP3: its progress, its text, and what can be done about it.
import { Alert, Badge, Box, Group, Progress, Text, VisuallyHidden } from "@mantine/core";
import { useState } from "react";
import type { Summary } from "../api/schema";
import { isInProgress } from "../api/summaries";
import { type Action, ActionButton } from "../shell/Action";
import { useSummaryProgress } from "./queries";

const STAGES: Partial<Record<string, string>> = {
  queued: "Summary: queued",
  transcribing: "Transcribing",
  summarising: "Summarising",
  completed: "",
  failed: "",
} satisfies Record<Summary["status"], string>;

interface Props {
  /** The video's name. */
  name: string;
  summary: Summary | undefined;
  actions: Action[];
  /** Whether to show the whole text, not only its beginning. */
  full: boolean;
}

export function SummaryPanel({ name, summary, actions, full }: Props) {
  const [watched, setWatched] = useState(false);
  const inProgress = !!summary && isInProgress(summary);
  if (inProgress && !watched) setWatched(true);
  useSummaryProgress(summary);
  if (!summary && actions.length === 0) return null;

  return (
    <Box mt={6} data-summary={summary?.status ?? "none"}>
      {watched && (
        <VisuallyHidden role="status">
          {summary?.status === "completed" && `The summary of ${name} is ready.`}
          {summary?.status === "failed" && `Summarising ${name} failed.`}
        </VisuallyHidden>
      )}
      {inProgress && (
        <>
          <Text size="sm" c="dimmed">
            {STAGES[summary.status] ?? summary.status}
            {summary.status !== "queued" && ` · ${summary.progress} %`}
          </Text>
          <Progress value={summary.progress} mt={4} size="sm" animated aria-label={`Summary of ${name}`} />
        </>
      )}
      {summary?.status === "failed" && (
        <Alert color="gray" variant="light" p="xs">
          <Text size="sm">{summary.error ?? "Summarising failed."}</Text>
        </Alert>
      )}
      {summary?.status === "completed" && (
        <>
          <Text size="sm" className="name" dir="auto" {...(full ? {} : { lineClamp: 2 })}>
            {summary.summary}
          </Text>
          {full && summary.context_truncated && (
            <Text size="sm" c="dimmed">
              This recording is very long. The summary does not cover all of it.
            </Text>
          )}
        </>
      )}
      {(summary?.status === "completed" || actions.length > 0) && (
        <Group gap="xs" mt={6}>
          {summary?.status === "completed" && (
            <Badge variant="default" className="category">
              {summary.category}
            </Badge>
          )}
          {actions.map((action) => (
            <ActionButton key={action.text} action={action} />
          ))}
        </Group>
      )}
    </Box>
  );
}
