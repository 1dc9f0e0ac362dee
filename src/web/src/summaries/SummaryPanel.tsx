// The summary of an MP3: a button to request it, its progress, its text, and the transcript.
import { Alert, Badge, Box, Button, Group, Progress, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconFileText, IconRefresh, IconTextCaption } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Summary } from "../api/schema";
import { isInProgress, summarise } from "../api/summaries";
import { putSummary, useSummaryProgress } from "./queries";
import { Transcript } from "./Transcript";

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
  mp3: string;
  summary: Summary | undefined;
  /** Whether this server can make new summaries. */
  available: boolean;
  /** Whether to show the whole text, not only its beginning. */
  full: boolean;
}

export function SummaryPanel({ name, mp3, summary, available, full }: Props) {
  const [transcriptOpened, transcript] = useDisclosure(false);
  const [watched, setWatched] = useState(false);
  const inProgress = !!summary && isInProgress(summary);
  if (inProgress && !watched) setWatched(true);
  useSummaryProgress(summary);
  const request = useMutation({
    mutationFn: () => summarise(mp3),
    onSuccess: putSummary,
    onError: (error: Error) =>
      notifications.show({ color: "red", title: "Summarising failed", message: error.message }),
  });
  if (!summary && !available) return null;

  return (
    <Box mt={6} data-summary={summary?.status ?? "none"}>
      {watched && (
        <VisuallyHidden role="status">
          {summary?.status === "completed" && `The summary of ${name} is ready.`}
          {summary?.status === "failed" && `Summarising ${name} failed.`}
        </VisuallyHidden>
      )}
      {!summary && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTextCaption size={16} />}
          loading={request.isPending}
          onClick={() => request.mutate()}
          aria-label={`Summarise ${name}`}
        >
          Summarise
        </Button>
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
          {available && (
            <Button
              mt={6}
              size="xs"
              variant="default"
              leftSection={<IconRefresh size={16} />}
              loading={request.isPending}
              onClick={() => request.mutate()}
              aria-label={`Try to summarise ${name} again`}
            >
              Try again
            </Button>
          )}
        </Alert>
      )}
      {summary?.status === "completed" && (
        <>
          <Text size="sm" className="name" {...(full ? {} : { lineClamp: 2 })}>
            {summary.summary}
          </Text>
          {full && summary.context_truncated && (
            <Text size="sm" c="dimmed">
              This recording is very long. The summary does not cover all of it.
            </Text>
          )}
          <Group gap="xs" mt={6}>
            <Badge variant="default" className="category">
              {summary.category}
            </Badge>
            <Button
              size="xs"
              variant="subtle"
              leftSection={<IconFileText size={16} />}
              onClick={transcript.open}
              aria-label={`Transcript of ${name}`}
            >
              Transcript
            </Button>
          </Group>
        </>
      )}
      {transcriptOpened && <Transcript name={name} mp3={mp3} onClose={transcript.close} />}
    </Box>
  );
}
