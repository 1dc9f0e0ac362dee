// What can be done about the summary of an MP3.
import { useDisclosure } from "@mantine/hooks";
import { IconFileText, IconRefresh, IconTextCaption } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { Summary } from "../api/schema";
import { summarise } from "../api/summaries";
import { canRetrySummary } from "../jobs/remedies";
import type { Action } from "../shell/Action";
import { showError } from "../shell/showError";
import { putSummary } from "./queries";

interface Subject {
  /** The video's name. */
  name: string;
  /** null: there is no MP3. */
  mp3: string | null;
  summary: Summary | undefined;
  /** Whether this server can make new summaries. */
  available: boolean;
}

export function useSummaryActions({ name, mp3, summary, available }: Subject) {
  const [transcriptOpened, transcript] = useDisclosure(false);
  const request = useMutation({
    mutationFn: summarise,
    onSuccess: putSummary,
    onError: showError("Summarising failed"),
  });
  const actions: Action[] = [];
  if (mp3 && available && !summary) {
    actions.push({
      text: "Summarise",
      label: `Summarise ${name}`,
      icon: <IconTextCaption size={16} />,
      run: () => request.mutate(mp3),
      loading: request.isPending,
    });
  }
  if (mp3 && available && summary?.status === "failed" && canRetrySummary(summary)) {
    actions.push({
      text: "Summarise again",
      label: `Try to summarise ${name} again`,
      icon: <IconRefresh size={16} />,
      run: () => request.mutate(mp3),
      loading: request.isPending,
    });
  }
  if (summary?.status === "completed") {
    actions.push({
      text: "Transcript",
      label: `Transcript of ${name}`,
      icon: <IconFileText size={16} />,
      run: transcript.open,
    });
  }
  return { actions, transcriptOpened, closeTranscript: transcript.close };
}
