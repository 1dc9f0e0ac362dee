// The uploads that are in progress, waiting, or left unfinished by an earlier visit.
import { Paper, Stack, Title } from "@mantine/core";
import { useStore } from "../store";
import { uploads } from "./queue";
import { UploadRow } from "./UploadRow";

export function UploadList() {
  const list = useStore(uploads);
  if (list.length === 0) return null;
  return (
    <Paper className="card" withBorder p="md" component="section" aria-labelledby="uploads-heading">
      <Title order={2} size="h4" id="uploads-heading" mb="sm">
        Uploads
      </Title>
      <Stack component="ul" className="plain" gap="md">
        {list.map((upload) => (
          <UploadRow key={upload.id} upload={upload} />
        ))}
      </Stack>
    </Paper>
  );
}
