// One upload: how far it is, how fast, for how long yet, and what can be done.
import { ActionIcon, Box, Button, FileButton, Group, Progress, Text, Tooltip } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconX } from "@tabler/icons-react";
import { memo, useState } from "react";
import { bytes, duration } from "../format";
import { add, cancel, pause, resume, type Upload } from "./queue";

export const UploadRow = memo(function UploadRow({ upload }: { upload: Upload }) {
  const percent = upload.size ? Math.floor((upload.sent / upload.size) * 100) : 0;
  const running = ["uploading", "reconnecting", "waiting"].includes(upload.state);
  return (
    <Box component="li" data-state={upload.state}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text fw={600} className="name" lineClamp={2}>
          {upload.name}
        </Text>
        <Group gap={4} wrap="nowrap">
          {upload.state === "missing" && <PickAgain upload={upload} />}
          {running && (
            <Action label={`Pause ${upload.name}`} onClick={() => pause(upload.id)} icon={<IconPlayerPause size={18} />} />
          )}
          {(upload.state === "paused" || upload.state === "failed") && (
            <Action label={`Resume ${upload.name}`} onClick={() => resume(upload.id)} icon={<IconPlayerPlay size={18} />} />
          )}
          <Action label={`Cancel ${upload.name}`} onClick={() => void cancel(upload.id)} icon={<IconX size={18} />} />
        </Group>
      </Group>
      <Progress
        value={percent}
        my={6}
        color={upload.state === "failed" ? "red" : upload.state === "uploading" ? "indigo" : "gray"}
        aria-label={`Upload of ${upload.name}`}
      />
      <Text size="sm" c={upload.state === "failed" ? "var(--mantine-color-error)" : "dimmed"} role={upload.state === "failed" ? "alert" : undefined}>
        {said(upload, percent)}
      </Text>
    </Box>
  );
});

function said(upload: Upload, percent: number): string {
  const far = `${percent} % · ${bytes(upload.sent)} of ${bytes(upload.size)}`;
  switch (upload.state) {
    case "uploading": {
      if (!upload.speed || upload.speed <= 0) return far;
      const left = duration((upload.size - upload.sent) / upload.speed);
      return `${far} · ${bytes(upload.speed)}/s · ${left} left`;
    }
    case "reconnecting":
      return `${far} · The connection was lost. It goes on by itself.`;
    case "paused":
      return `${far} · Paused`;
    case "waiting":
      return upload.sent ? `${far} · Waiting for its turn` : `${bytes(upload.size)} · Waiting for its turn`;
    case "signin":
      return `${far} · Goes on after you have signed in.`;
    case "missing":
      return `${far} · Interrupted: the page was closed or loaded again. Choose the same file and it goes on from here.`;
    case "failed":
      return upload.error ?? "The upload failed.";
  }
}

function PickAgain({ upload }: { upload: Upload }) {
  const [other, setOther] = useState(false);
  return (
    <FileButton
      onChange={(file) => {
        const same = file && file.name === upload.name && file.size === upload.size;
        setOther(!!file && !same);
        if (same) add([file], {});
      }}
    >
      {(props) => (
        <Button {...props} size="compact-sm" aria-label={`Choose ${upload.name} again`}>
          {other ? "Not that file: try again" : "Choose the file"}
        </Button>
      )}
    </FileButton>
  );
}

function Action({ label, onClick, icon }: { label: string; onClick(): void; icon: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" size="lg" aria-label={label} onClick={onClick}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}
