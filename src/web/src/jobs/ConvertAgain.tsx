// The dialog for converting a stored video again with other options.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type Options, retryJob } from "../api/jobs";
import { putJob } from "../api/queries";
import type { Job } from "../api/schema";
import { OptionFields } from "../uploads/OptionFields";
import { problems } from "../uploads/options";
import { rejection } from "./remedies";
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
  const reason = rejection(job, sameOptions(options, before));
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
