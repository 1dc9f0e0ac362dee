// Copies the signed link of an MP3, or shows it where the browser has no clipboard or refuses to use it.
import { Modal, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { infoQuery } from "../api/info";
import { getLink } from "../api/jobs";
import { client } from "../api/queries";
import type { Job } from "../api/schema";
import { exact } from "../format";
import { showError } from "../shell/showError";
import { mp3Name } from "./labels";

interface SharedLink {
  url: string;
  /** Who can use it, and how long. */
  note: string;
}

async function share(job: Job): Promise<SharedLink> {
  const [url, info] = await Promise.all([getLink(job.video_fid), client.ensureQueryData(infoQuery)]);
  const end = new Date(Date.now() + info.link_lifetime_seconds * 1000).toISOString();
  return { url, note: `Anyone who has the link can download the MP3 until ${exact(end)}.` };
}

/** Its data is the link, if it could not be copied. */
export const useCopyLink = (job: Job) =>
  useMutation({
    mutationFn: async () => {
      const link = await share(job);
      try {
        await navigator.clipboard.writeText(link.url);
      } catch {
        return link;
      }
      notifications.show({ title: "Link copied", message: link.note });
      return null;
    },
    onError: showError("The link could not be copied"),
  });

export function LinkDialog({ job, link, onClose }: { job: Job; link: SharedLink; onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={<>Link to <bdi>{mp3Name(job)}</bdi></>}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <TextInput
          label="Link"
          description="The browser did not allow this page to copy it. Copy the selected text."
          value={link.url}
          readOnly
          data-autofocus
          onFocus={(event) => event.currentTarget.select()}
        />
        <Text size="sm">{link.note}</Text>
      </Stack>
    </Modal>
  );
}
