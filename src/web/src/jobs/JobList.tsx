// All jobs, newest first. Without a live connection the list is polled.
import { Alert, Button, Center, Group, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import { useHotkeys, useIntersection, useMediaQuery } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { NotifySwitch } from "../activity/NotifySwitch";
import { FIRST_PAGE, listJobs } from "../api/jobs";
import { live } from "../api/live";
import { JOBS, newest } from "../api/queries";
import { useStore } from "../store";
import { useSummaries } from "../summaries/queries";
import { JobCard } from "./JobCard";
import { useNow } from "./now";
import { hidden, undoLast } from "./pending";

// ms between two requests without a live connection.
const POLL = 4_000;

export function JobList() {
  const isLive = useStore(live);
  const hiddenJobs = useStore(hidden);
  const now = useNow();
  const summaries = useSummaries();
  const compact = useMediaQuery("(max-width: 36em)", false, { getInitialValueInEffect: false });
  const heading = useRef<HTMLHeadingElement>(null);
  const query = useInfiniteQuery({
    queryKey: JOBS,
    queryFn: async ({ pageParam, signal }) => {
      const page = await listJobs(pageParam, signal);
      return { ...page, jobs: page.jobs.map(newest) };
    },
    initialPageParam: FIRST_PAGE,
    getNextPageParam: (page) => page.next,
    refetchInterval: isLive ? false : POLL,
  });
  // The same function at each rendering, so that only rows that have changed are rendered.
  const focusHeading = useCallback(() => heading.current?.focus(), []);
  useHotkeys([["mod+Z", undoLast]]);

  const jobs = useMemo(
    () => query.data?.pages.flatMap((page) => page.jobs).filter((job) => !hiddenJobs.has(job.video_fid)) ?? [],
    [query.data, hiddenJobs],
  );
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const { ref: moreButton, entry } = useIntersection<HTMLButtonElement>({ rootMargin: "600px" });
  const near = entry?.isIntersecting ?? false;
  useEffect(() => {
    if (near && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [near, hasNextPage, isFetchingNextPage, fetchNextPage]);

  return (
    <Paper className="card" withBorder p="md" component="section" aria-labelledby="jobs-heading">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4" id="jobs-heading" ref={heading} tabIndex={-1}>
          Your MP3s
        </Title>
        <NotifySwitch during="conversions" />
      </Group>
      {query.isPending && (
        <Center p="xl">
          <Loader aria-label="Loading" />
        </Center>
      )}
      {query.isError && !query.data && (
        <Alert color="red" role="alert" title="The list could not be loaded">
          {query.error.message}
          <Button mt="sm" display="block" size="compact-sm" onClick={() => void query.refetch()}>
            Try again
          </Button>
        </Alert>
      )}
      {query.isSuccess && jobs.length === 0 && (
        <Text c="dimmed" py="md">
          No MP3s yet. The videos that you upload appear here with their MP3s.
        </Text>
      )}
      <Stack component="ul" className="plain" gap={0}>
        {jobs.map((job) => (
          <JobCard
            key={job.video_fid}
            job={job}
            now={now}
            summary={summaries.of(job)}
            canSummarise={summaries.available}
            compact={compact}
            afterDelete={focusHeading}
          />
        ))}
      </Stack>
      {hasNextPage && (
        <Button
          ref={moreButton}
          variant="default"
          fullWidth
          mt="md"
          loading={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </Paper>
  );
}
