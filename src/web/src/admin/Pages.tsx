// A list that is loaded in pages: its states, and the button for the next page.
import { Button, Center, Loader, Stack, Text } from "@mantine/core";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { LoadError } from "../shell/LoadError";

interface Props<Item> {
  query: UseInfiniteQueryResult<Item[]>;
  empty: string;
  children: (item: Item) => ReactNode;
}

export function Pages<Item>({ query, empty, children }: Props<Item>) {
  const { data, isPending, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  return (
    <Stack gap="sm" w="100%">
      {isPending && (
        <Center p="xl">
          <Loader aria-label="Loading" />
        </Center>
      )}
      {!data && <LoadError error={error} retry={refetch} />}
      <Text c="dimmed" role="status">
        {data?.length === 0 && empty}
      </Text>
      <Stack component="ul" className="plain" gap={0}>
        {data?.map(children)}
      </Stack>
      {hasNextPage && (
        <Button variant="default" fullWidth loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show more
        </Button>
      )}
    </Stack>
  );
}
