// Shown for addresses that have no page.
import { Button, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import { useTitle } from "../title";

export function NotFoundPage() {
  useTitle("Page not found");
  return (
    <Stack align="flex-start" py={{ base: "md", xs: 60 }}>
      <Title order={1} size="h2">
        Page not found
      </Title>
      <Text>There is no page at this address. Check it for typing errors, or start from your MP3s.</Text>
      <Button component={Link} to="/">
        Go to your MP3s
      </Button>
    </Stack>
  );
}
