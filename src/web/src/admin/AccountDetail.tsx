// One account: its state, usage and quotas, and what administrators have done to it.
import { Group, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { Section } from "../account/Section";
import { UsageBars } from "../account/UsageBars";
import { accountKey, getAccount } from "../api/admin";
import type { AdminAccountDetail } from "../api/schema";
import { Moment } from "../Moment";
import { BackLink } from "../shell/BackLink";
import { LoadError } from "../shell/LoadError";
import { Acts } from "./Acts";
import { Badges } from "./Badges";
import { DisableButton } from "./DisableButton";
import { QuotasForm } from "./QuotasForm";

export function AccountDetail() {
  const { account: id = "" } = useParams();
  const { data, isPending, error, refetch } = useQuery({ queryKey: accountKey(id), queryFn: () => getAccount(id) });
  return (
    <>
      <BackLink to="/app/admin" text="All accounts" />
      {isPending && <Skeleton height={120} />}
      {!data && <LoadError error={error} retry={refetch} />}
      {data && (
        <>
          <State account={data.account} />
          <Section title="Usage">
            <UsageBars usage={data.account.usage} />
          </Section>
          {/* The key: a form with the values that were loaded last. */}
          <QuotasForm key={`${id} ${data.etag}`} detail={data} />
        </>
      )}
      <Section title="Acts on this account">
        <Acts account={id} />
      </Section>
    </>
  );
}

function State({ account }: { account: AdminAccountDetail }) {
  return (
    <Section title={account.email}>
      <Badges account={account} />
      <dl className="details">
        <div>
          <dt>Id</dt>
          <dd className="name">{account.id}</dd>
        </div>
        <div>
          <dt>Created</dt>
          <dd>{account.created_at === null ? "by an earlier release" : <Moment at={account.created_at} />}</dd>
        </div>
        <div>
          <dt>Address</dt>
          <dd>{account.verified ? "confirmed" : "not confirmed"}</dd>
        </div>
      </dl>
      <Group>
        <DisableButton account={account} />
      </Group>
      {account.disabled && (
        <Text size="sm" c="dimmed">
          Nobody can sign in to this account. Its files are kept.
        </Text>
      )}
    </Section>
  );
}
