// Downloads everything that is stored for the account.
import { Button, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { getExportLink } from "../api/accounts";
import { startDownload } from "../api/links";
import { ErrorAlert } from "../shell/ErrorAlert";
import { Section } from "./Section";

export function DataExport() {
  const start = useMutation({ mutationFn: getExportLink, onSuccess: startDownload });
  return (
    <Section title="Your data">
      <Text size="sm">
        Download a ZIP file with all of your MP3s and transcripts, and a list of your conversions and summaries. The
        videos are not in it.
      </Text>
      <ErrorAlert title="The download could not be started" error={start.error} />
      <Button
        variant="default"
        leftSection={<IconDownload size={16} />}
        loading={start.isPending}
        onClick={() => start.mutate()}
      >
        Download your data
      </Button>
    </Section>
  );
}
