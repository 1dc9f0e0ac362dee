// How much of its quotas the account has used.
import { Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { accountQuery } from "../api/accounts";
import { nextReset, usageRows } from "./quotas";
import { Section } from "./Section";

export function Usage() {
  const { data, dataUpdatedAt } = useQuery(accountQuery);
  const usage = data?.usage;
  if (!usage) return null;
  return (
    <Section title="Usage">
      <Stack gap="sm" w="100%">
        {usageRows(usage).map(({ name, label, text, percent, color }) => (
          <div key={name}>
            <Group justify="space-between" gap="xs">
              <Text size="sm">{label}</Text>
              <Text size="sm" c="dimmed">
                {text}
              </Text>
            </Group>
            {percent !== null && <Progress value={percent} color={color} aria-label={`${label}: ${text}`} mt={4} />}
          </div>
        ))}
      </Stack>
      <Text size="sm" c="dimmed">
        The limits per day are reset at {nextReset(dataUpdatedAt)}.
      </Text>
    </Section>
  );
}
