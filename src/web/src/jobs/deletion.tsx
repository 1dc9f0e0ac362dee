// Deletes a job in two steps: it is hidden at once, and deleted on the server when it can no longer be undone.
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { Job } from "../api/schema";
import { noticeOf, schedule, undo, UNDO_TIME } from "./pending";

export function deleteWithUndo(job: Job): void {
  schedule(job.video_fid);
  notifications.show({
    id: noticeOf(job.video_fid),
    autoClose: UNDO_TIME,
    withCloseButton: false,
    role: "status",
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" className="name" lineClamp={2} miw={0}>
          Deleted <bdi>{job.filename}</bdi>
        </Text>
        <Button size="compact-sm" variant="default" flex="none" onClick={() => undo(job.video_fid)}>
          Undo
        </Button>
      </Group>
    ),
  });
}
