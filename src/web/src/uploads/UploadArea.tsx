// The area for choosing or dropping videos, with the conversion options.
import { Box, Button, Collapse, Group, Paper, Stack, Text, VisuallyHidden } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustments, IconCloudUpload, IconX } from "@tabler/icons-react";
import { useRef, useState } from "react";
import type { Options } from "../api/jobs";
import { OptionFields } from "./OptionFields";
import { problems } from "./options";
import { add } from "./queue";

export function UploadArea() {
  const [options, setOptions] = useState<Options>({});
  const choose = useRef<() => void>(null);
  const [open, { toggle }] = useDisclosure(false);
  const invalid = Object.keys(problems(options)).length > 0;
  const count = Object.keys(options).length;

  return (
    <Paper className="card" withBorder p="md" component="section" aria-labelledby="upload-heading">
      <VisuallyHidden>
        <h2 id="upload-heading">Upload videos</h2>
      </VisuallyHidden>
      <Dropzone
        onDrop={(files) => add(files, options)}
        disabled={invalid}
        multiple
        inputProps={{ "aria-label": "Videos to upload" }}
        openRef={choose}
        // Keyboard users have the button.
        activateOnKeyboard={false}
        tabIndex={-1}
        py={{ base: "xs", xs: "md" }}
      >
        <Group justify="center" gap="md" wrap="nowrap">
          <Dropzone.Accept>
            <IconCloudUpload size={44} aria-hidden />
          </Dropzone.Accept>
          <Dropzone.Reject>
            <IconX size={44} aria-hidden />
          </Dropzone.Reject>
          <Dropzone.Idle>
            <IconCloudUpload size={44} aria-hidden />
          </Dropzone.Idle>
          <div>
            <Text size="lg" fw={600}>
              Drop videos here
            </Text>
            <Text size="sm" c="dimmed">
              You get an email when each MP3 is ready.
            </Text>
            <Button
              mt="xs"
              className="choose"
              disabled={invalid}
              onClick={(event) => {
                event.stopPropagation();
                choose.current?.();
              }}
            >
              Choose videos
            </Button>
          </div>
        </Group>
      </Dropzone>
      <Stack gap={0} mt="sm">
        <Group justify="space-between">
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconAdjustments size={16} />}
            onClick={toggle}
            aria-expanded={open}
            aria-controls="upload-options"
          >
            Conversion options{count ? ` (${count})` : ""}
          </Button>
          {count > 0 && (
            <Button variant="default" size="compact-sm" onClick={() => setOptions({})}>
              Reset to defaults
            </Button>
          )}
        </Group>
        <div id="upload-options">
          <Collapse expanded={open}>
            <Box pt="sm">
              <OptionFields value={options} onChange={setOptions} />
            </Box>
          </Collapse>
        </div>
        {invalid && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert" mt="sm">
            Correct the highlighted options before you add videos.
          </Text>
        )}
      </Stack>
    </Paper>
  );
}
