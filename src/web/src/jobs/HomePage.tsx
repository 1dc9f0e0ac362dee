// The main screen: what goes in, what is on its way, what came out.
import { Stack, Title, VisuallyHidden } from "@mantine/core";
import { useTitle } from "../title";
import { UploadArea } from "../uploads/UploadArea";
import { UploadList } from "../uploads/UploadList";
import { JobList } from "./JobList";

export function HomePage() {
  useTitle("Your MP3s");
  return (
    <Stack gap="md">
      <VisuallyHidden>
        <Title order={1}>Video2MP3: videos to MP3s</Title>
      </VisuallyHidden>
      <UploadArea />
      <UploadList />
      <JobList />
    </Stack>
  );
}
