// The address of the account, and whether emails about MP3s are sent to it.
import { Badge, Group, Skeleton, Switch, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { ACCOUNT, accountQuery, setEmails } from "../api/accounts";
import { client } from "../api/queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { LoadError } from "../shell/LoadError";
import { useStore } from "../store";
import { Section } from "./Section";
import { session } from "./session";

export function Profile() {
  const email = useStore(session)?.email;
  const account = useQuery(accountQuery);
  return (
    <Section title="Email">
      <div>
        <Text size="sm" c="dimmed">
          Signed in as
        </Text>
        <Group gap="xs">
          <Text className="name" fw={600} dir="auto">
            {email}
          </Text>
          {account.data?.verified && (
            <Badge variant="light" color="teal" className="badge confirmed">
              Confirmed
            </Badge>
          )}
        </Group>
      </div>
      {account.isPending && <Skeleton height={44} />}
      {account.data && <Emails chosen={account.data.emails} />}
      {!account.data && (
        <LoadError title="The settings could not be loaded" error={account.error} retry={account.refetch} />
      )}
    </Section>
  );
}

function Emails({ chosen }: { chosen: boolean }) {
  const change = useMutation({
    mutationFn: setEmails,
    // The switch shows the chosen value until the server's is known.
    onSettled: () => client.invalidateQueries({ queryKey: ACCOUNT }),
  });
  return (
    <>
      <Switch
        label="Send me emails about my MP3s"
        description="When one is ready, and when a conversion has failed"
        size="md"
        checked={change.isPending ? change.variables : chosen}
        onChange={(event) => change.mutate(event.currentTarget.checked)}
      />
      <ErrorAlert title="The setting was not saved" error={change.error} />
    </>
  );
}
