// What is in an MP3: a button that asks for it, how far it is, the summary, and the way to the transcript.
import { Alert, Badge, Box, Button, Group, Progress, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconFileText, IconRefresh, IconTextCaption } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { summarise, type Stage, type Summary, underWay } from "../api/summaries";
import { putSummary, useProgress } from "./known";
import { Transcript } from "./Transcript";

const STAGES: Record<Stage, string> = {
  queued: "The summary waits for its turn",
  transcribing: "Listening",
  summarising: "Summarising",
  completed: "",
  failed: "",
};

interface Props {
  /** The video's name. */
  name: string;
  mp3: string;
  summary: Summary | undefined;
  /** Whether new ones can be made here. */
  available: boolean;
  /** All of it, not its beginning. */
  whole: boolean;
}

export function SummaryOf({ name, mp3, summary, available, whole }: Props) {
  const [reading, transcript] = useDisclosure(false);
  const [watched, setWatched] = useState(false);
  const making = !!summary && underWay(summary);
  useEffect(() => {
    if (making) setWatched(true);
  }, [making]);
  useProgress(summary);
  const ask = useMutation({
    mutationFn: () => summarise(mp3),
    onSuccess: putSummary,
    onError: (error: Error) =>
      notifications.show({ color: "red", title: "There is no summary", message: error.message }),
  });
  if (!summary && !available) return null;

  return (
    <Box mt={6} data-summary={summary?.status ?? "none"}>
      {(making || watched) && (
        <VisuallyHidden role="status">
          {summary?.status === "completed" && `The summary of ${name} is ready.`}
          {summary?.status === "failed" && `There is no summary of ${name}.`}
        </VisuallyHidden>
      )}
      {!summary && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTextCaption size={16} />}
          loading={ask.isPending}
          onClick={() => ask.mutate()}
          aria-label={`Summarise ${name}`}
        >
          Summarise
        </Button>
      )}
      {making && (
        <>
          <Text size="sm" c="dimmed">
            {STAGES[summary.status]}
            {summary.status !== "queued" && ` · ${summary.progress} %`}
          </Text>
          <Progress value={summary.progress} mt={4} size="sm" animated aria-label={`Summary of ${name}`} />
        </>
      )}
      {summary?.status === "failed" && (
        <Alert color="gray" variant="light" p="xs">
          <Text size="sm">{summary.error ?? "There is no summary."}</Text>
          {available && (
            <Button
              mt={6}
              size="xs"
              variant="default"
              leftSection={<IconRefresh size={16} />}
              loading={ask.isPending}
              onClick={() => ask.mutate()}
              aria-label={`Try to summarise ${name} again`}
            >
              Try again
            </Button>
          )}
        </Alert>
      )}
      {summary?.status === "completed" && (
        <>
          <Text size="sm" className="name" {...(whole ? {} : { lineClamp: 2 })}>
            {summary.summary}
          </Text>
          {whole && summary.context_truncated && (
            <Text size="sm" c="dimmed">
              Something of this very long recording was left out.
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
      {reading && <Transcript name={name} mp3={mp3} onClose={transcript.close} />}
    </Box>
  );
}
