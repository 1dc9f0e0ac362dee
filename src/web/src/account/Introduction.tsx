// What the service does, who sees the files, and how long they are stored: for people who do not know it yet.
import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { infoQuery } from "../api/info";
import { retention } from "./labels";

export function Introduction() {
  const { data } = useQuery(infoQuery);
  return (
    <Stack gap={4} mb="md">
      <Text size="sm">Upload videos, and get an MP3 of each one. An email arrives when it is ready.</Text>
      <Text size="sm" c="dimmed">
        Only you, the people to whom you give a download link, and the operator of this server can access your files.{" "}
        {retention(data)}
      </Text>
    </Stack>
  );
}
