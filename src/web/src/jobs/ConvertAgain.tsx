// The dialog that converts a stored video once more, with other options and without another upload.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type Job, type Options, retryJob } from "../api/jobs";
import { put } from "../api/queries";
import { OptionFields, problems } from "../uploads/OptionFields";

interface Props {
  job: Job;
  options: Options;
  onClose(): void;
}

export function ConvertAgain({ job, options: before, onClose }: Props) {
  const [options, setOptions] = useState(before);
  const again = useMutation({
    mutationFn: () => retryJob(job.video_fid, options),
    onSuccess: (renewed) => {
      put(renewed);
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
        {job.mp3_fid && <Text size="sm">The new MP3 takes the place of the one that is there.</Text>}
        <OptionFields value={options} onChange={setOptions} />
        {again.isError && (
          <Alert color="red" role="alert">
            {again.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Leave it as it is
          </Button>
          <Button loading={again.isPending} disabled={Object.keys(problems(options)).length > 0} onClick={() => again.mutate()}>
            Convert
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
