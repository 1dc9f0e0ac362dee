// The buttons of a job.
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
import { cancelJob, ended, type Job, linkOf, type Options, retryJob } from "../api/jobs";
import { client, JOBS, put } from "../api/queries";
import { ConvertAgain } from "./ConvertAgain";
import { remove } from "./deletion";
import { mp3Name } from "./words";

interface Props {
  job: Job;
  playing: boolean;
  player: string;
  onPlay(): void;
  afterDelete(): void;
}

export function JobActions({ job, playing, player, onPlay, afterDelete }: Props) {
  const [asking, dialog] = useDisclosure(false);
  const problem = (title: string) => (error: Error) =>
    notifications.show({ color: "red", title, message: error.message });
  const download = useMutation({
    mutationFn: () => linkOf(job.video_fid),
    onSuccess: save,
    onError: problem("It could not be downloaded"),
  });
  const cancel = useMutation({
    mutationFn: () => cancelJob(job.video_fid),
    onSuccess: () => client.invalidateQueries({ queryKey: JOBS }),
    onError: problem("It could not be cancelled"),
  });
  const again = useMutation({
    mutationFn: (options: Options) => retryJob(job.video_fid, options),
    onSuccess: put,
    onError: problem("It could not be converted again"),
  });
  const same = Object.fromEntries(Object.entries(job.options).map(([name, value]) => [name, String(value)]));

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
            aria-label={`${playing ? "Close the player of" : "Play"} ${mp3Name(job)}`}
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
      {!ended(job) && (
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
          loading={again.isPending}
          onClick={() => again.mutate(same)}
          aria-label={`Try again: ${job.filename}`}
        >
          Try again
        </Button>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" size="lg" aria-label={`More for ${job.filename}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {ended(job) && (
            <Menu.Item leftSection={<IconAdjustments size={16} />} onClick={dialog.open}>
              Convert with other options…
            </Menu.Item>
          )}
          <Menu.Item
            className="danger"
            leftSection={<IconTrash size={16} />}
            onClick={() => {
              remove(job);
              afterDelete();
            }}
          >
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {asking && <ConvertAgain job={job} options={same} onClose={dialog.close} />}
    </Group>
  );
}

/** The server's answer is an attachment: the browser saves it and the page stays. */
function save(link: string): void {
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.download = "";
  anchor.click();
}
