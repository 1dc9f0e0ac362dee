// One upload: its progress and what can be done with it.
import { ActionIcon, Anchor, Box, Button, FileButton, Group, Menu, Progress, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconCheck, IconDots, IconPlayerPause, IconPlayerPlay, IconRefresh, IconX } from "@tabler/icons-react";
import { memo, type ReactNode, useState } from "react";
import { Link } from "react-router";
import { choice } from "./choice";
import { percentOf, soundText, statusText } from "./labels";
import { add, addAgain, cancel, pause, resume } from "./queue";
import { isActive, jobOf, type Upload } from "./upload";

interface Action {
  label: string;
  icon?: ReactNode;
  onClick: () => void;
}

export const UploadRow = memo(function UploadRow({ upload }: { upload: Upload }) {
  const { state } = upload;
  const problem = state === "failed" || state === "rejected";
  const done = state === "done";
  return (
    <Box component="li" className="upload" data-state={state}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Group gap={6} wrap="nowrap" miw={0}>
          {done && <IconCheck size={18} className="uploaded" aria-hidden />}
          <Text fw={600} className="name" lineClamp={2} dir="auto">
            {done && jobOf(upload) ? (
              <Anchor component={Link} to={`/app/jobs/${jobOf(upload)}`} c="inherit" inherit>
                {upload.name}
              </Anchor>
            ) : (
              upload.name
            )}
          </Text>
        </Group>
        <Actions upload={upload} />
      </Group>
      {!done && !problem && (
        <Progress
          value={percentOf(upload)}
          my={6}
          color={state === "uploading" ? "indigo" : "gray"}
          aria-label={`Upload of ${upload.name}`}
        />
      )}
      <Text size="sm" c={problem ? "var(--mantine-color-error)" : "dimmed"} role={problem ? "alert" : undefined}>
        {statusText(upload)}
      </Text>
      {!problem && upload.soundOf && (
        <Text size="sm" c="dimmed">
          {soundText(upload.size, upload.soundOf, done)}
        </Text>
      )}
    </Box>
  );
});

/** The action that continues the upload, if there is one, and the one that ends it. */
function Actions({ upload }: { upload: Upload }) {
  const phone = useMediaQuery("(max-width: 36em)");
  const next = nextAction(upload);
  const choosesFile = upload.state === "interrupted";
  const end: Action = { label: endLabel(upload), icon: <IconX size={16} />, onClick: () => void cancel(upload.id) };
  const alone = !next && !choosesFile;
  return (
    <Group gap={6} wrap="nowrap">
      {choosesFile && <ChooseAgain upload={upload} />}
      {next && <ActionButton action={next} name={upload.name} />}
      {phone && !alone ? (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" size="lg" aria-label={`More actions for the upload of ${upload.name}`}>
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={end.icon} onClick={end.onClick}>
              {end.label}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : (
        <ActionButton action={end} name={upload.name} />
      )}
    </Group>
  );
}

/** "Clear" does not sound as if the MP3 were deleted. */
function endLabel({ state }: Upload): string {
  if (state === "done") return "Clear";
  return state === "failed" || state === "rejected" ? "Remove" : "Cancel";
}

function nextAction(upload: Upload): Action | null {
  const { id, state } = upload;
  const play = <IconPlayerPlay size={16} />;
  if (isActive(upload)) return { label: "Pause", icon: <IconPlayerPause size={16} />, onClick: () => pause(id) };
  if (state === "paused") return { label: "Resume", icon: play, onClick: () => resume(id) };
  if (state === "failed") return { label: "Try again", icon: <IconRefresh size={16} />, onClick: () => resume(id) };
  // The server rejected the options, not the file.
  if (state === "rejected" && upload.code === "invalid") {
    return { label: "Use the options above", icon: <IconRefresh size={16} />, onClick: () => addAgain(id, choice.get()) };
  }
  return null;
}

function ActionButton({ action: { label, icon, onClick }, name }: { action: Action; name: string }) {
  return (
    <Button variant="default" size="xs" leftSection={icon} aria-label={`${label} ${name}`} onClick={onClick}>
      {label}
    </Button>
  );
}

function ChooseAgain({ upload }: { upload: Upload }) {
  const [different, setDifferent] = useState(false);
  const text = different ? "Different file: choose again" : "Choose file";
  return (
    <FileButton
      onChange={(file) => {
        const same = file && file.name === upload.name && file.size === (upload.soundOf ?? upload.size);
        setDifferent(!!file && !same);
        if (same) add([file], choice.get(), !upload.soundOf);
      }}
    >
      {(props) => (
        <Button {...props} size="xs" aria-label={`${text} for the upload of ${upload.name}`}>
          {text}
        </Button>
      )}
    </FileButton>
  );
}
