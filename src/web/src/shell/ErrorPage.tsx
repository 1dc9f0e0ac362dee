// Shown when the page itself fails.
import { Button, Container, Stack, Text, Title } from "@mantine/core";

export function ErrorPage() {
  return (
    <Container size="xs" py={80} component="main">
      <Stack align="flex-start">
        <Title order={1} size="h2">
          Something went wrong on this page
        </Title>
        <Text>
          Completed uploads and MP3s are not affected. Reload the page, then choose unfinished files again to resume them.
        </Text>
        <Button onClick={() => location.assign("/")}>Reload the page</Button>
      </Stack>
    </Container>
  );
}
