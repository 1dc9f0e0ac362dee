// The counters of an account against its quotas.
import { Group, Progress, Stack, Text } from "@mantine/core";
import { type Usage, usageRows } from "./quotas";

export function UsageBars({ usage }: { usage: Partial<Usage> }) {
  return (
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
  );
}
