// How much of its quotas the account has used.
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { accountQuery } from "../api/accounts";
import { nextReset } from "./quotas";
import { Section } from "./Section";
import { UsageBars } from "./UsageBars";

export function Usage() {
  const { data, dataUpdatedAt } = useQuery(accountQuery);
  const usage = data?.usage;
  if (!usage) return null;
  return (
    <Section title="Usage">
      <UsageBars usage={usage} />
      <Text size="sm" c="dimmed">
        The limits per day are reset at {nextReset(dataUpdatedAt)}, those per hour every hour.
      </Text>
    </Section>
  );
}
