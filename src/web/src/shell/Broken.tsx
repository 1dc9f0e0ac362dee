// Shown when the page itself fails: what happened, and the way out.
import { Button, Container, Stack, Text, Title } from "@mantine/core";

export function Broken() {
  return (
    <Container size="xs" py={80} component="main">
      <Stack align="flex-start">
        <Title order={1} size="h2">
          Something went wrong in this page
        </Title>
        <Text>Your uploads and MP3s are safe on the server.</Text>
        <Button onClick={() => location.assign("/")}>Load the page again</Button>
      </Stack>
    </Container>
  );
}
