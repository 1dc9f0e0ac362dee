// API keys: lists, creates and revokes them.
import { Badge, Button, Group, Modal, Skeleton, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { KEYS, keysQuery, revokeKey } from "../api/keys";
import { client } from "../api/queries";
import type { ApiKey } from "../api/schema";
import { useNow } from "../jobs/now";
import { Moment } from "../Moment";
import { ErrorAlert } from "../shell/ErrorAlert";
import { LoadError } from "../shell/LoadError";
import { hasExpired, scopeLabel } from "./keyLabels";
import { NewApiKey } from "./NewApiKey";
import { Section } from "./Section";

export function ApiKeys() {
  const keys = useQuery(keysQuery);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  return (
    <Section title="API keys">
      <Text size="sm">
        Scripts and the command line sign in with an API key instead of your password. Keys stay valid when you sign out
        everywhere or change your password: revoke those that you no longer need.
      </Text>
      {keys.isPending && <Skeleton height={44} />}
      <LoadError title="The API keys could not be loaded" error={keys.error} retry={keys.refetch} />
      {keys.data && keys.data.length > 0 && (
        <Stack component="ul" gap="sm" w="100%" p={0} m={0} style={{ listStyle: "none" }}>
          {keys.data.map((key) => (
            <Row key={key.id} apiKey={key} onRevoke={() => setRevoking(key)} />
          ))}
        </Stack>
      )}
      <Button variant="default" leftSection={<IconKey size={16} />} onClick={() => setCreating(true)}>
        Create an API key…
      </Button>
      {creating && <NewApiKey onClose={() => setCreating(false)} />}
      {revoking && <Revocation apiKey={revoking} onClose={() => setRevoking(null)} />}
    </Section>
  );
}

function Row({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: () => void }) {
  const expired = hasExpired(apiKey, useNow());
  return (
    <Group component="li" justify="space-between" wrap="nowrap" gap="sm">
      <Stack gap={2} miw={0}>
        <Group gap="xs">
          <Text className="name" fw={600} dir="auto">
            {apiKey.name}
          </Text>
          <Badge variant="light" color={expired ? "red" : "gray"} className="badge">
            {expired ? "Expired" : scopeLabel(apiKey.scope)}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed">
          <code>{apiKey.prefix}…</code> · created <Moment at={apiKey.created_at} />
          {apiKey.expires_at && (
            <>
              {" "}
              · {expired ? "expired" : "expires"} <Moment at={apiKey.expires_at} />
            </>
          )}
          {" · "}
          {apiKey.last_used_at ? (
            <>
              last used <Moment at={apiKey.last_used_at} />
            </>
          ) : (
            "never used"
          )}
        </Text>
      </Stack>
      <Button variant="default" flex="none" aria-label={`Revoke the API key ${apiKey.name}`} onClick={onRevoke}>
        Revoke
      </Button>
    </Group>
  );
}

function Revocation({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const revocation = useMutation({
    mutationFn: () => revokeKey(apiKey.id),
    onSuccess: () => {
      notifications.show({ title: "API key revoked", message: "It ends within 10 seconds." });
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: KEYS }),
  });
  return (
    <Modal opened onClose={onClose} title="Revoke the API key?" closeButtonProps={{ "aria-label": "Close" }}>
      <Stack gap="sm">
        <Text size="sm">
          Programs that use <bdi>{apiKey.name}</bdi> (<code>{apiKey.prefix}…</code>) lose access. This can&apos;t be
          undone.
        </Text>
        <ErrorAlert title="The API key was not revoked" error={revocation.error} />
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" loading={revocation.isPending} onClick={() => revocation.mutate()}>
            Revoke
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
