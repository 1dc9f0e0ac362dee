// The dialog for converting a stored video again with other options.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type Options, retryJob } from "../api/jobs";
import { putJob } from "../api/queries";
import type { Job } from "../api/schema";
import { OptionFields } from "../uploads/OptionFields";
import { problems } from "../uploads/options";
import { remedy } from "./remedies";
import { sameOptions } from "./sameOptions";

interface Props {
  job: Job;
  options: Options;
  onClose: () => void;
}

export function ConvertAgain({ job, options: before, onClose }: Props) {
  const [options, setOptions] = useState(before);
  const retry = useMutation({
    mutationFn: () => retryJob(job.video_fid, options),
    onSuccess: (queued) => {
      putJob(queued);
      onClose();
    },
  });
  const reason = sameOptions(options, before) ? unchangedReason(job) : null;
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        <>
          Convert <bdi>{job.filename}</bdi> again
        </>
      }
      size="xl"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        {job.mp3_fid && <Text size="sm">This replaces the current MP3.</Text>}
        <OptionFields value={options} onChange={setOptions} expanded />
        {retry.isError && (
          <Alert color="red" role="alert">
            {retry.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Text size="sm" c="dimmed" id="convert-reason" role="status" flex="1 1 12rem">
            {reason}
          </Text>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            loading={retry.isPending}
            disabled={reason !== null || Object.keys(problems(options)).length > 0}
            onClick={() => retry.mutate()}
            aria-describedby="convert-reason"
          >
            Convert
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Why the video is not converted again with the same options; null if that can work. */
function unchangedReason(job: Job): string | null {
  if (job.status === "completed") return "Change an option. With these options, the MP3 would be the same.";
  return job.status === "failed" && remedy(job) !== "retry"
    ? "Change an option. With these options, the conversion would fail again."
    : null;
}
