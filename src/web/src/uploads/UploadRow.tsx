// One upload: its progress and its buttons.
import { ActionIcon, Box, Button, FileButton, Group, Progress, Text, Tooltip } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconX } from "@tabler/icons-react";
import { memo, type ReactNode, useState } from "react";
import { percentOf, statusText } from "./labels";
import { add, cancel, pause, resume, type Upload } from "./queue";

export const UploadRow = memo(function UploadRow({ upload }: { upload: Upload }) {
  const active = ["uploading", "reconnecting", "waiting"].includes(upload.state);
  const failed = upload.state === "failed";
  return (
    <Box component="li" data-state={upload.state}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text fw={600} className="name" lineClamp={2}>
          {upload.name}
        </Text>
        <Group gap={4} wrap="nowrap">
          {upload.state === "interrupted" && <ChooseAgain upload={upload} />}
          {active && (
            <Action label={`Pause ${upload.name}`} onClick={() => pause(upload.id)} icon={<IconPlayerPause size={18} />} />
          )}
          {(upload.state === "paused" || failed) && (
            <Action label={`Resume ${upload.name}`} onClick={() => resume(upload.id)} icon={<IconPlayerPlay size={18} />} />
          )}
          <Action label={`Cancel ${upload.name}`} onClick={() => void cancel(upload.id)} icon={<IconX size={18} />} />
        </Group>
      </Group>
      <Progress
        value={percentOf(upload)}
        my={6}
        color={failed ? "red" : upload.state === "uploading" ? "indigo" : "gray"}
        aria-label={`Upload of ${upload.name}`}
      />
      <Text size="sm" c={failed ? "var(--mantine-color-error)" : "dimmed"} role={failed ? "alert" : undefined}>
        {statusText(upload)}
      </Text>
    </Box>
  );
});

function ChooseAgain({ upload }: { upload: Upload }) {
  const [different, setDifferent] = useState(false);
  return (
    <FileButton
      onChange={(file) => {
        const same = file && file.name === upload.name && file.size === upload.size;
        setDifferent(!!file && !same);
        if (same) add([file], {});
      }}
    >
      {(props) => (
        <Button {...props} size="compact-sm" aria-label={`Choose ${upload.name} again`}>
          {different ? "Different file: choose again" : "Choose file"}
        </Button>
      )}
    </FileButton>
  );
}

function Action({ label, onClick, icon }: { label: string; onClick: () => void; icon: ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" size="lg" aria-label={label} onClick={onClick}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}
