// The settings of the account.
import { Alert, Anchor, Button, Group, Paper, Skeleton, Stack, Switch, Text, Title } from "@mantine/core";
import { IconArrowLeft, IconLogout } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { getAccount, setEmails } from "../api/accounts";
import { client } from "../api/queries";
import { useStore } from "../store";
import { useTitle } from "../title";
import { leave } from "./leave";
import { session } from "./session";

const ACCOUNT = ["account"] as const;

export function AccountPage() {
  useTitle("Account");
  const email = useStore(session)?.email;
  const [leaving, setLeaving] = useState(false);
  return (
    <Stack gap="md">
      <Anchor component={Link} to="/" size="sm" className="touch">
        <IconArrowLeft size={14} aria-hidden /> All your MP3s
      </Anchor>
      <Paper className="card" withBorder p="md">
        <Stack align="flex-start">
          <Title order={1} size="h3">
            Account
          </Title>
          <div>
            <Text size="sm" c="dimmed">
              Signed in as
            </Text>
            <Text className="name" fw={600} dir="auto">
              {email}
            </Text>
          </div>
          <Emails />
          <Button
            variant="default"
            leftSection={<IconLogout size={16} />}
            loading={leaving}
            onClick={() => {
              setLeaving(true);
              void leave();
            }}
          >
            Sign out
          </Button>
        </Stack>
      </Paper>
    </Stack>
  );
}

function Emails() {
  const account = useQuery({ queryKey: ACCOUNT, queryFn: getAccount });
  const change = useMutation({
    mutationFn: setEmails,
    // The switch shows the chosen value until the server's is known.
    onSettled: () => client.invalidateQueries({ queryKey: ACCOUNT }),
  });
  if (account.isPending) return <Skeleton height={44} />;
  if (!account.data) {
    return (
      <Alert color="red" role="alert" title="The settings could not be loaded" w="100%">
        {account.error?.message}
        <Group mt="sm">
          <Button size="compact-sm" onClick={() => void account.refetch()}>
            Try again
          </Button>
        </Group>
      </Alert>
    );
  }
  return (
    <>
      <Switch
        label="Send me emails about my MP3s"
        description="When one is ready, and when a conversion has failed"
        size="md"
        checked={change.isPending ? change.variables : account.data.emails}
        onChange={(event) => change.mutate(event.currentTarget.checked)}
      />
      {change.isError && (
        <Alert color="red" role="alert" title="The setting was not saved" w="100%">
          {change.error.message}
        </Alert>
      )}
    </>
  );
}
