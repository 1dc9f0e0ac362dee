// The area for choosing or dropping videos, with the conversion options.
import { Alert, Box, Button, Checkbox, Group, Paper, Text, VisuallyHidden } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { IconCloudUpload } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useStore } from "../store";
import { choice, choose } from "./choice";
import { ACCEPT, isMedia, refusalText } from "./media";
import { OptionFields } from "./OptionFields";
import { isValid } from "./options";
import { add } from "./queue";
import { SharedFiles } from "./SharedFiles";
import { sendWholeVideos, wholeVideos } from "./wholeVideos";

export function UploadArea() {
  const options = useStore(choice);
  const whole = useStore(wholeVideos);
  const openDialog = useRef<() => void>(null);
  const [refused, setRefused] = useState<File[]>([]);
  const invalid = !isValid(options);

  function take(files: File[]) {
    if (invalid) return;
    setRefused(files.filter((file) => !isMedia(file)));
    add(files.filter(isMedia), options);
  }

  return (
    <Paper className="card" withBorder p="md" component="section" aria-labelledby="upload-heading">
      <VisuallyHidden>
        <h2 id="upload-heading">Upload videos</h2>
      </VisuallyHidden>
      <ShareAlert />
      <SharedFiles />
      {/* It is never disabled: the browser would open a file that is dropped there and leave the page. */}
      <Dropzone
        onDrop={take}
        multiple
        inputProps={{ "aria-label": "Videos to upload", accept: ACCEPT }}
        openRef={openDialog}
        activateOnClick={!invalid}
        // Keyboard users have the button.
        activateOnKeyboard={false}
        tabIndex={-1}
        py={{ base: "xs", xs: "md" }}
      >
        <Group justify="center" gap="md" wrap="nowrap">
          <IconCloudUpload size={44} aria-hidden />
          <div>
            <Text size="lg" fw={600}>
              Drop videos here
            </Text>
            <Text size="sm" c="dimmed">
              You get an email when your MP3s are ready, unless you have switched emails off.
            </Text>
            <Button
              mt="xs"
              className="choose"
              disabled={invalid}
              onClick={(event) => {
                event.stopPropagation();
                openDialog.current?.();
              }}
            >
              Choose videos
            </Button>
          </div>
        </Group>
      </Dropzone>
      {refused.length > 0 && (
        <Alert
          color="red"
          variant="light"
          role="alert"
          mt="sm"
          p="xs"
          withCloseButton
          closeButtonLabel="Close this message"
          onClose={() => setRefused([])}
        >
          <span className="name" dir="auto">
            {refusalText(refused)}
          </span>
        </Alert>
      )}
      <Box mt="sm">
        <OptionFields value={options} onChange={choose} />
        <Checkbox
          mt="sm"
          label="Send the whole video"
          description="Otherwise only its sound is sent if the MP3 is the same. That is much faster."
          checked={whole}
          onChange={(event) => sendWholeVideos(event.currentTarget.checked)}
        />
      </Box>
      {invalid && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert" mt="sm">
          Correct the highlighted options before you add videos.
        </Text>
      )}
    </Paper>
  );
}

/** Shown when the service worker, or the server in its place, could not store a file that another app has shared. */
function ShareAlert() {
  const [parameters, setParameters] = useSearchParams();
  if (parameters.get("shared") !== "failed") return null;
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      mb="sm"
      title="The shared file could not be added"
      withCloseButton
      closeButtonLabel="Close this message"
      onClose={() => setParameters({}, { replace: true })}
    >
      The browser did not store it: it may have too little free space. Choose the file here instead.
    </Alert>
  );
}
