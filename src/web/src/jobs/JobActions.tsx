// The buttons and the menu of a job.
import { ActionIcon, Group, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustments, IconDots, IconLink, IconPin, IconPinnedOff, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { hasEnded, keepJob } from "../api/jobs";
import { putJob } from "../api/queries";
import type { Job } from "../api/schema";
import { type Action, ActionButton, ActionItem } from "../shell/Action";
import { showError } from "../shell/showError";
import { ConvertAgain } from "./ConvertAgain";
import { LinkDialog, useCopyLink } from "./CopyLink";
import { deleteWithUndo } from "./deletion";
import { remedy } from "./remedies";
import { optionsOf, useJobActions } from "./useJobActions";

interface Props {
  job: Job;
  playing: boolean;
  player: string;
  /** Whether to show one button only. */
  compact: boolean;
  /** Further items of the menu. */
  more: Action[];
  onPlay: () => void;
  afterDelete: () => void;
}

export function JobActions({ job, playing, player, compact, more, onPlay, afterDelete }: Props) {
  const [dialogOpened, dialog] = useDisclosure(false);
  const copyLink = useCopyLink(job);
  const keep = useMutation({
    mutationFn: (wanted: boolean) => keepJob(job.video_fid, wanted),
    onSuccess: putJob,
    onError: showError("The MP3 could not be kept"),
  });
  const actions = useJobActions(job, { id: player, expanded: playing, toggle: onPlay }, dialog.open);
  const buttons = compact ? actions.filter((action) => action.primary) : actions;
  const items = [...actions.filter((action) => !buttons.includes(action)), ...more];

  return (
    <Group gap="xs" wrap="nowrap">
      {buttons.map((action) => (
        <ActionButton key={action.text} action={action} />
      ))}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" size="lg" aria-label={`More actions for ${job.filename}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {items.map((action) => (
            <ActionItem key={action.text} action={action} />
          ))}
          {job.mp3_fid && (
            <Menu.Item leftSection={<IconLink size={16} />} onClick={() => copyLink.mutate()}>
              Copy link
            </Menu.Item>
          )}
          {hasEnded(job) && (job.status !== "failed" || remedy(job) !== "none") && (
            <Menu.Item leftSection={<IconAdjustments size={16} />} onClick={dialog.open}>
              Convert with other options…
            </Menu.Item>
          )}
          {job.mp3_fid && hasEnded(job) && (
            <Menu.Item
              leftSection={job.keep ? <IconPinnedOff size={16} /> : <IconPin size={16} />}
              onClick={() => keep.mutate(!job.keep)}
            >
              {job.keep ? "Do not keep the MP3" : "Keep the MP3"}
            </Menu.Item>
          )}
          <Menu.Item
            className="danger"
            leftSection={<IconTrash size={16} />}
            onClick={() => {
              deleteWithUndo(job);
              afterDelete();
            }}
          >
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {dialogOpened && <ConvertAgain job={job} options={optionsOf(job)} onClose={dialog.close} />}
      {copyLink.data && <LinkDialog job={job} link={copyLink.data} onClose={copyLink.reset} />}
    </Group>
  );
}
