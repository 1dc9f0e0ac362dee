// Entries of the audit log, newest first.
import { Badge, Group, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ADMIN, firstActs, listActs } from "../api/admin";
import type { AuditedAct } from "../api/schema";
import { Moment } from "../Moment";
import { actorText, actText, changes, outcomeText, targetText } from "./acts";
import { Pages } from "./Pages";

/** Only those on one account, if it is given. */
export function Acts({ account }: { account?: string }) {
  const query = useInfiniteQuery({
    queryKey: [...ADMIN, "audit", account ?? ""],
    queryFn: ({ pageParam, signal }) => listActs(pageParam, signal),
    initialPageParam: firstActs(account),
    getNextPageParam: (page) => page.next,
    select: ({ pages }) => pages.flatMap((page) => page.acts),
  });
  return (
    <Pages query={query} empty="No acts yet.">
      {(act) => <Entry key={act.id} act={act} />}
    </Pages>
  );
}

function Entry({ act }: { act: AuditedAct }) {
  return (
    <li className="job">
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Text className="name">
          {actText(act)} <bdi>{targetText(act)}</bdi>
        </Text>
        <Badge variant="default" className="badge" miw="fit-content">
          {outcomeText(act)}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed" className="name">
        By <bdi>{actorText(act)}</bdi>, <Moment at={act.at} />
        {act.error_code !== null && `, error: ${act.error_code}`}
        {act.request_id !== null && `, request ${act.request_id}`}
      </Text>
      {changes(act).map((change) => (
        <Text size="sm" key={change}>
          {change}
        </Text>
      ))}
    </li>
  );
}
