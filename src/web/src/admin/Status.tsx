// The state of the system, loaded every few seconds.
import { Skeleton, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Section } from "../account/Section";
import { ADMIN, getStatus } from "../api/admin";
import type { SystemStatus } from "../api/schema";
import { useNow } from "../jobs/now";
import { Moment } from "../Moment";
import { LoadError } from "../shell/LoadError";

// ms
const INTERVAL = 5_000;

export function Status() {
  const { data, isPending, error, refetch } = useQuery({
    queryKey: [...ADMIN, "status"],
    queryFn: getStatus,
    refetchInterval: INTERVAL,
  });
  return (
    <>
      {isPending && <Skeleton height={200} />}
      {!data && <LoadError error={error} retry={refetch} />}
      {data && (
        <>
          <Section title="Jobs">
            <Jobs status={data} />
          </Section>
          <Section title="Queues">
            <Queues queues={data.queues} />
          </Section>
          <Section title="Servers">
            <Facts facts={Object.entries(data.dependencies).map(([name, state]) => [name, state])} />
          </Section>
        </>
      )}
    </>
  );
}

function Jobs({ status }: { status: SystemStatus }) {
  const now = useNow();
  const { jobs, counted_up_to: limit } = status;
  if (!jobs) return <Unavailable what="MongoDB" />;
  const count = (value: number) => `${new Intl.NumberFormat("en").format(value)}${value >= limit ? " or more" : ""}`;
  const moment = (at: string | null) => (at === null ? "–" : <Moment at={at} now={now} />);
  return (
    <Facts
      facts={[
        ["Queued", count(jobs.queued)],
        ["Waiting for their account's turn", count(jobs.waiting)],
        ["Converting", count(jobs.converting)],
        ["Completed", count(jobs.completed)],
        ["Failed", count(jobs.failed)],
        ["Longest waiting job queued", moment(status.oldest_queued_at)],
        ["Last pass of housekeeping", moment(status.housekeeping_at)],
        ["Orphaned files that need a decision", status.orphans_held ?? 0],
      ]}
    />
  );
}

function Queues({ queues }: { queues: SystemStatus["queues"] }) {
  if (!queues) return <Unavailable what="RabbitMQ" />;
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">Queue</Table.Th>
          <Table.Th scope="col">Messages</Table.Th>
          <Table.Th scope="col">Workers</Table.Th>
          <Table.Th scope="col">Dead letters</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {queues.map((queue) => (
          <Table.Tr key={queue.name}>
            <Table.Th scope="row">{queue.name}</Table.Th>
            <Table.Td>{queue.ready ?? "–"}</Table.Td>
            <Table.Td>{queue.consumers ?? "–"}</Table.Td>
            <Table.Td>{queue.dead_letters ?? "–"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="details facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Unavailable({ what }: { what: string }) {
  return <Text size="sm">{what} is not available right now.</Text>;
}
