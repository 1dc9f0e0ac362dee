// What can be done with a job in its current state.
import { IconAdjustments, IconDownload, IconPlayerPlay, IconPlayerStop, IconRefresh, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { cancelJob, getLocalLink, hasEnded, type Options, retryJob } from "../api/jobs";
import { startDownload } from "../api/links";
import { client, JOBS, putJob } from "../api/queries";
import type { Job } from "../api/schema";
import type { Action } from "../shell/Action";
import { showError } from "../shell/showError";
import { mp3Name } from "./labels";
import { remedy } from "./remedies";

interface PlayerState {
  id: string;
  expanded: boolean;
  toggle: () => void;
}

/** The options of a job as the form holds them. */
export const optionsOf = (job: Job): Options =>
  Object.fromEntries(Object.entries(job.options).map(([name, value]) => [name, String(value)]));

export function useJobActions(job: Job, player: PlayerState, changeOptions: () => void): Action[] {
  const { download, cancel, retry } = useRequests(job);
  const ended = hasEnded(job);
  const failure = job.status === "failed" ? remedy(job) : null;
  const play: Action = {
    text: player.expanded ? "Close" : "Play",
    label: `${player.expanded ? "Close the player for" : "Play"} ${mp3Name(job)}`,
    icon: player.expanded ? <IconPlayerStop size={16} /> : <IconPlayerPlay size={16} />,
    run: player.toggle,
    controls: player,
  };
  const save: Action = {
    text: "Download",
    label: `Download ${mp3Name(job)}`,
    icon: <IconDownload size={16} />,
    run: () => download.mutate(),
    loading: download.isPending,
    primary: ended,
    filled: true,
  };
  const stop: Action = {
    text: "Cancel",
    label: `Cancel the conversion of ${job.filename}`,
    icon: <IconX size={16} />,
    run: () => cancel.mutate(),
    loading: cancel.isPending,
    primary: true,
  };
  const tryAgain: Action = {
    text: "Try again",
    label: `Try again: ${job.filename}`,
    icon: <IconRefresh size={16} />,
    run: () => retry.mutate(optionsOf(job)),
    loading: retry.isPending,
    primary: !job.mp3_fid,
  };
  const change: Action = {
    text: "Change options",
    label: `Change options of ${job.filename}`,
    icon: <IconAdjustments size={16} />,
    run: changeOptions,
    primary: !job.mp3_fid,
  };
  return [
    ...(job.mp3_fid ? [play, save] : []),
    ...(ended ? [] : [stop]),
    ...(failure === "retry" ? [tryAgain] : []),
    ...(failure === "options" ? [change] : []),
  ];
}

function useRequests(job: Job) {
  const download = useMutation({
    mutationFn: () => getLocalLink(job.video_fid),
    onSuccess: startDownload,
    onError: showError("Download failed"),
  });
  const cancel = useMutation({
    mutationFn: () => cancelJob(job.video_fid),
    onSuccess: () => client.invalidateQueries({ queryKey: JOBS }),
    onError: showError("The conversion could not be cancelled"),
  });
  const retry = useMutation({
    mutationFn: (chosen: Options) => retryJob(job.video_fid, chosen),
    onSuccess: putJob,
    onError: showError("The video could not be converted again"),
  });
  return { download, cancel, retry };
}
