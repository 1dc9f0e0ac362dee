// The page of one job. The link in the email leads here.
import { Alert, Button, Center, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { session } from "../account/session";
import { Refused } from "../api/http";
import { getJob, hasEnded } from "../api/jobs";
import { live } from "../api/live";
import { jobKey, newest } from "../api/queries";
import type { Job } from "../api/schema";
import { Moment } from "../Moment";
import { BackLink } from "../shell/BackLink";
import { AddressLinkAlert } from "../shell/LinkAlert";
import { useStore } from "../store";
import { useSummaries } from "../summaries/queries";
import { useTitle } from "../title";
import { JobCard } from "./JobCard";
import { useNow } from "./now";
import { optionRows, resultRows } from "./labels";

// ms between two requests without a live connection.
const POLL = 3_000;

export function JobPage() {
  const { fid = "" } = useParams();
  const isLive = useStore(live);
  const now = useNow();
  const summaries = useSummaries();
  const navigate = useNavigate();
  const job = useQuery({
    queryKey: jobKey(fid),
    queryFn: async () => newest(await getJob(fid)),
    refetchInterval: ({ state }) => (isLive || (state.data && hasEnded(state.data)) ? false : POLL),
  });
  useTitle(job.data?.filename ?? "MP3");

  return (
    <Stack gap="md">
      <BackLink />
      {job.isPending && (
        <Center p="xl">
          <Loader aria-label="Loading" />
        </Center>
      )}
      {job.isError && !job.data && <LoadError error={job.error} />}
      {job.data && <AddressLinkAlert place="job" />}
      {job.data && (
        <Paper className="card" withBorder p="md">
          <Title order={1} size="h3" className="name" mb="xs">
            <bdi>{job.data.filename}</bdi>
          </Title>
          <JobCard
            job={job.data}
            now={now}
            summary={summaries.of(job.data)}
            canSummarise={summaries.available}
            alone
            afterDelete={() => void navigate("/")}
          />
          <Details job={job.data} />
        </Paper>
      )}
    </Stack>
  );
}

function LoadError({ error }: { error: Error }) {
  const email = useStore(session)?.email;
  const notFound = error instanceof Refused && (error.status === 404 || error.status === 400);
  return (
    <Alert color={notFound ? "gray" : "red"} role="alert">
      <Title order={1} size="h4">
        {notFound ? "MP3 not found" : "The MP3 could not be loaded"}
      </Title>
      <Text mt="xs">
        {notFound ? (
          <>
            It was deleted, has expired, or belongs to another account. You are signed in as <bdi>{email}</bdi>. If it
            belongs to another account, sign out and sign in with that account.
          </>
        ) : (
          error.message
        )}
      </Text>
      {notFound && (
        <Button component={Link} to="/" mt="md">
          Go to your MP3s
        </Button>
      )}
    </Alert>
  );
}

function Details({ job }: { job: Job }) {
  const rows: [string, ReactNode][] = [
    ["Uploaded", <Moment key="at" at={job.created_at} />],
    [job.status === "completed" ? "Converted" : "Updated", <Moment key="at" at={job.updated_at} />],
    ...(job.result ? resultRows(job.result, job.original) : []),
    ...optionRows(job),
  ];
  return (
    <>
      {job.result?.notes.map((note) => (
        <Text key={note.code} size="sm" mt="sm" data-note={note.code}>
          {note.text}
        </Text>
      ))}
      <dl className="details">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="name" dir="auto">
              {value}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}
