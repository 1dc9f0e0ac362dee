// The main page: the upload area, the uploads and the jobs.
import { Stack, Title, VisuallyHidden } from "@mantine/core";
import { AddressLinkAlert } from "../shell/LinkAlert";
import { useTitle } from "../title";
import { UploadArea } from "../uploads/UploadArea";
import { UploadList } from "../uploads/UploadList";
import { JobList } from "./JobList";

export function HomePage() {
  useTitle("Your MP3s");
  return (
    <Stack gap="md">
      <VisuallyHidden>
        <Title order={1}>Video2MP3: convert videos to MP3</Title>
      </VisuallyHidden>
      <AddressLinkAlert place="list" />
      <UploadArea />
      <UploadList />
      <JobList />
    </Stack>
  );
}
