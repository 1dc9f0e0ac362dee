// The list of accounts with its search.
import { Anchor, Group, Paper, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { ADMIN, firstAccounts, listAccounts } from "../api/admin";
import type { AdminAccount } from "../api/schema";
import { bytes } from "../format";
import { Badges } from "./Badges";
import { Pages } from "./Pages";

// ms without typing until the search begins.
const DELAY = 300;

export function Accounts() {
  const [parameters, setParameters] = useSearchParams();
  const typed = parameters.get("query") ?? "";
  const [searched] = useDebouncedValue(typed.trim(), DELAY);
  const query = useInfiniteQuery({
    queryKey: [...ADMIN, "accounts", searched],
    queryFn: ({ pageParam, signal }) => listAccounts(pageParam, signal),
    initialPageParam: firstAccounts(searched),
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    select: ({ pages }) => pages.flatMap((page) => page.accounts),
  });
  return (
    <Paper className="card" withBorder p="md" component="section" aria-label="Accounts">
      <TextInput
        type="search"
        label="Search accounts"
        description="By the beginning of the address, or by the id"
        leftSection={<IconSearch size={16} aria-hidden />}
        maxLength={254}
        autoComplete="off"
        spellCheck={false}
        mb="md"
        value={typed}
        onChange={({ currentTarget: { value } }) => setParameters(value ? { query: value } : {}, { replace: true })}
      />
      <Pages query={query} empty="No account matches.">
        {(account) => <Row key={account.id} account={account} />}
      </Pages>
    </Paper>
  );
}

function Row({ account }: { account: AdminAccount }) {
  const { stored_bytes: stored, conversions_today: conversions } = account.usage;
  return (
    <li className="job">
      <Group justify="space-between" gap="xs">
        <Anchor component={Link} to={`/app/admin/accounts/${account.id}`} className="name touch" dir="auto">
          {account.email}
        </Anchor>
        <Badges account={account} />
      </Group>
      <Text size="sm" c="dimmed">
        {bytes(stored.used)} stored, {conversions.used} {conversions.used === 1 ? "conversion" : "conversions"} today
      </Text>
    </li>
  );
}
