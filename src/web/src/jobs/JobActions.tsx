// The buttons and the menu of a job.
import { ActionIcon, Button, Group, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconAdjustments,
  IconDots,
  IconDownload,
  IconPlayerPlay,
  IconPlayerStop,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { cancelJob, getLink, hasEnded, type Options, retryJob } from "../api/jobs";
import { client, JOBS, putJob } from "../api/queries";
import type { Job } from "../api/schema";
import { ConvertAgain } from "./ConvertAgain";
import { deleteWithUndo } from "./deletion";
import { mp3Name } from "./labels";

interface Props {
  job: Job;
  playing: boolean;
  player: string;
  onPlay: () => void;
  afterDelete: () => void;
}

export function JobActions({ job, playing, player, onPlay, afterDelete }: Props) {
  const [dialogOpened, dialog] = useDisclosure(false);
  const showError = (title: string) => (error: Error) =>
    notifications.show({ color: "red", title, message: error.message });
  const download = useMutation({
    mutationFn: () => getLink(job.video_fid),
    onSuccess: save,
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
  const options: Options = Object.fromEntries(Object.entries(job.options).map(([name, value]) => [name, String(value)]));

  return (
    <Group gap="xs" wrap="nowrap">
      {job.mp3_fid && (
        <>
          <Button
            size="xs"
            variant="default"
            leftSection={playing ? <IconPlayerStop size={16} /> : <IconPlayerPlay size={16} />}
            onClick={onPlay}
            aria-expanded={playing}
            aria-controls={player}
            aria-label={`${playing ? "Close the player for" : "Play"} ${mp3Name(job)}`}
          >
            {playing ? "Close" : "Play"}
          </Button>
          <Button
            size="xs"
            leftSection={<IconDownload size={16} />}
            loading={download.isPending}
            onClick={() => download.mutate()}
            aria-label={`Download ${mp3Name(job)}`}
          >
            Download
          </Button>
        </>
      )}
      {!hasEnded(job) && (
        <Button
          size="xs"
          variant="default"
          loading={cancel.isPending}
          onClick={() => cancel.mutate()}
          aria-label={`Cancel the conversion of ${job.filename}`}
        >
          Cancel
        </Button>
      )}
      {job.status === "failed" && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconRefresh size={16} />}
          loading={retry.isPending}
          onClick={() => retry.mutate(options)}
          aria-label={`Try again: ${job.filename}`}
        >
          Try again
        </Button>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" size="lg" aria-label={`More actions for ${job.filename}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {hasEnded(job) && (
            <Menu.Item leftSection={<IconAdjustments size={16} />} onClick={dialog.open}>
              Convert with other options…
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
      {dialogOpened && <ConvertAgain job={job} options={options} onClose={dialog.close} />}
    </Group>
  );
}

/** The response is an attachment: the browser saves it and does not leave the page. */
function save(link: string): void {
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.download = "";
  anchor.click();
}
