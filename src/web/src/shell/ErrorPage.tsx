// Shown when the page itself fails.
import { Button, Container, Stack, Text, Title } from "@mantine/core";

export function ErrorPage() {
  return (
    <Container size="xs" py={80} component="main">
      <Stack align="flex-start">
        <Title order={1} size="h2">
          Something went wrong on this page
        </Title>
        <Text>Your uploads and MP3s are safe on the server.</Text>
        <Button onClick={() => location.assign("/")}>Reload the page</Button>
      </Stack>
    </Container>
  );
}
