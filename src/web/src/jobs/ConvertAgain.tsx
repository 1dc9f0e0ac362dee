// The dialog for converting a stored video again with other options.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type Options, retryJob } from "../api/jobs";
import { putJob } from "../api/queries";
import type { Job } from "../api/schema";
import { OptionFields } from "../uploads/OptionFields";
import { problems } from "../uploads/options";

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
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Convert ${job.filename} again`}
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
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button loading={retry.isPending} disabled={Object.keys(problems(options)).length > 0} onClick={() => retry.mutate()}>
            Convert
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
