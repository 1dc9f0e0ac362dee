// Deletes a job in two steps: it is hidden at once, and deleted on the server when it can no longer be undone.
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { session } from "../account/session";
import { Refused } from "../api/http";
import { deleteJob } from "../api/jobs";
import { removeJob } from "../api/queries";
import type { Job } from "../api/schema";
import { Store } from "../store";

// ms
const UNDO_TIME = 10_000;

/** The ids of jobs that are shown as deleted. */
export const hidden = new Store<ReadonlySet<string>>(new Set());

const timers = new Map<string, ReturnType<typeof setTimeout>>();

export function deleteWithUndo(job: Job): void {
  const fid = job.video_fid;
  hidden.set(new Set([...hidden.get(), fid]));
  timers.set(
    fid,
    setTimeout(() => void deleteNow(job), UNDO_TIME),
  );
  notifications.show({
    id: `deleted-${fid}`,
    autoClose: UNDO_TIME,
    withCloseButton: false,
    role: "status",
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" className="name" lineClamp={2}>
          Deleted {job.filename}
        </Text>
        <Button size="compact-sm" variant="default" onClick={() => undo(fid)}>
          Undo
        </Button>
      </Group>
    ),
  });
}

export function undo(fid: string): void {
  clearTimeout(timers.get(fid));
  timers.delete(fid);
  show(fid);
  notifications.hide(`deleted-${fid}`);
}

export function undoLast(): void {
  const last = [...timers.keys()].at(-1);
  if (last) undo(last);
}

async function deleteNow(job: Job): Promise<void> {
  timers.delete(job.video_fid);
  try {
    await deleteJob(job.video_fid);
    removeJob(job.video_fid);
  } catch (error) {
    if (error instanceof Refused && error.code === "not_found") {
      removeJob(job.video_fid);
    } else {
      notifications.show({ color: "red", title: `${job.filename} could not be deleted`, message: (error as Error).message });
    }
  }
  show(job.video_fid);
}

function show(fid: string): void {
  hidden.set(new Set([...hidden.get()].filter((other) => other !== fid)));
}

/** The page is closed: the deletions can no longer be undone. */
function flush(): void {
  for (const [fid, timer] of timers) {
    clearTimeout(timer);
    void deleteJob(fid, true).catch(() => undefined);
  }
  timers.clear();
}

window.addEventListener("pagehide", flush);
session.subscribe(() => {
  if (session.get()) return;
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  hidden.set(new Set());
  notifications.clean();
});
