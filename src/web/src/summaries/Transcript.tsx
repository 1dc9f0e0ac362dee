// The dialog with the transcript of a recording, to read and to download.
import { Alert, Button, Group, Loader, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type Format, FORMATS, getTranscript } from "../api/summaries";

const LABELS: Record<Format, string> = { text: "Text", srt: "Subtitles (SRT)", vtt: "Subtitles (WebVTT)" };

interface Props {
  /** The video's name. */
  name: string;
  mp3: string;
  onClose: () => void;
}

export function Transcript({ name, mp3, onClose }: Props) {
  const text = useQuery({ queryKey: ["transcript", mp3], queryFn: () => getTranscript(mp3, "text") });
  const download = useMutation({
    mutationFn: async (format: Format) => save(await getTranscript(mp3, format), fileName(name, format)),
    onError: (error: Error) =>
      notifications.show({ color: "red", title: "Download failed", message: error.message }),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        <>
          Transcript of <bdi>{name}</bdi>
        </>
      }
      size="lg"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <Group gap="xs">
          {(Object.keys(FORMATS) as Format[]).map((format) => (
            <Button
              key={format}
              size="xs"
              variant="default"
              leftSection={<IconDownload size={16} />}
              loading={download.isPending && download.variables === format}
              onClick={() => download.mutate(format)}
              aria-label={`Download the transcript: ${LABELS[format]}`}
            >
              {LABELS[format]}
            </Button>
          ))}
        </Group>
        {text.isPending && <Loader aria-label="Loading" />}
        {text.isError && (
          <Alert color="red" role="alert">
            {text.error.message}
          </Alert>
        )}
        {text.isSuccess && <Text className="transcript" dir="auto">{text.data || "There is no speech in this recording."}</Text>}
      </Stack>
    </Modal>
  );
}

const fileName = (name: string, format: Format): string => `${name.replace(/\.[^.]+$/, "")}.${FORMATS[format]}`;

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  // By then the browser has started to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
