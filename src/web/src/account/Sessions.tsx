// Signs out here, or everywhere.
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconLogout } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { signOutEverywhere } from "../api/accounts";
import { ErrorAlert } from "../shell/ErrorAlert";
import { leave } from "./leave";
import { Section } from "./Section";

export function Sessions() {
  const here = useMutation({ mutationFn: () => leave() });
  const everywhere = useMutation({
    mutationFn: () => leave(signOutEverywhere),
    onSuccess: () =>
      notifications.show({
        title: "You were signed out everywhere",
        message: "Other browsers and devices are signed out within 10 seconds.",
      }),
  });
  const busy = here.isPending || everywhere.isPending;
  return (
    <Section title="Sign out">
      <Text size="sm">
        If you have lost a device or used a shared one, sign out everywhere: in this browser, in all others, and in the
        command line. API keys keep working.
      </Text>
      <ErrorAlert title="You were not signed out everywhere" error={everywhere.error} />
      <Group gap="sm">
        <Button
          variant="default"
          leftSection={<IconLogout size={16} />}
          loading={here.isPending}
          disabled={busy}
          onClick={() => here.mutate()}
        >
          Sign out
        </Button>
        <Button variant="default" loading={everywhere.isPending} disabled={busy} onClick={() => everywhere.mutate()}>
          Sign out everywhere
        </Button>
      </Group>
    </Section>
  );
}
