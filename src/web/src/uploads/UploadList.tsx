// The uploads of this visit, and those left unfinished by an earlier one, with their total progress.
import { Button, Group, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { NotifySwitch } from "../activity/NotifySwitch";
import { useStore } from "../store";
import { percentOf, totalOf, totalText } from "./labels";
import { clearFinished, uploads } from "./queue";
import { isFinished, type Upload } from "./upload";
import { UploadRow } from "./UploadRow";

/** What needs the user first, what is complete last; otherwise in the order of their upload. */
const rank = ({ state }: Upload): number => (state === "failed" || state === "rejected" ? 0 : state === "done" ? 2 : 1);

export function UploadList() {
  const list = useStore(uploads);
  if (list.length === 0) return null;
  const total = totalOf(list);
  return (
    <Paper className="card" withBorder p="md" component="section" aria-labelledby="uploads-heading">
      <Group mb="sm">
        <Title order={2} size="h4" id="uploads-heading" flex={1}>
          Uploads
        </Title>
        {list.some(isFinished) && (
          <Button variant="default" size="compact-sm" onClick={clearFinished}>
            Clear finished
          </Button>
        )}
        <NotifySwitch during="uploads" />
      </Group>
      {total.count > 1 && (
        <div className="total" data-total>
          <Text size="sm" fw={600}>
            {totalText(total)}
          </Text>
          <Progress value={percentOf(total)} mt={4} size="lg" aria-label="All uploads" />
        </div>
      )}
      <Stack component="ul" className="plain" gap="md">
        {list
          .toReversed()
          .sort((one, other) => rank(one) - rank(other))
          .map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
      </Stack>
    </Paper>
  );
}
