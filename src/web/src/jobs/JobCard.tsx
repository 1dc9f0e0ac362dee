// One job: where it is, why it failed and what to do, and everything that can be done with its MP3.
import { Alert, Anchor, Badge, Box, Collapse, Group, Progress, Text } from "@mantine/core";
import { memo, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { cancelled, type Job } from "../api/jobs";
import { type Summary } from "../api/summaries";
import { ago, duration, exact } from "../format";
import { SummaryOf } from "../summaries/SummaryOf";
import { Pace } from "../uploads/pace";
import { JobActions } from "./JobActions";
import { Player } from "./Player";
import { advice, brief, statusOf } from "./words";

interface Props {
  job: Job;
  now: number;
  summary: Summary | undefined;
  /** Whether new summaries can be made here. */
  summarises: boolean;
  afterDelete(): void;
  /** On its own screen: the player is open and the name is a heading of the first order elsewhere. */
  alone?: boolean;
}

export const JobCard = memo(function JobCard({ job, now, summary, summarises, afterDelete, alone = false }: Props) {
  const [playing, setPlaying] = useState(alone);
  const status = statusOf(job);
  const left = useTimeLeft(job);
  const player = `player-${job.video_fid}`;

  return (
    <Box
      component={alone ? "div" : "li"}
      className={alone ? undefined : "job"}
      data-job={job.video_fid}
      data-status={job.status}
    >
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box flex="1 1 16rem" miw={0}>
          <Group gap="xs" align="center">
            {!alone && (
              <h3 className="name title">
                <Anchor component={Link} to={`/app/jobs/${job.video_fid}`} c="inherit" fw={600}>
                  {job.filename}
                </Anchor>
              </h3>
            )}
            <Badge variant="light" color={status.color} className="badge">
              {status.text}
            </Badge>
          </Group>
          <Text size="sm" c="dimmed" title={exact(job.created_at)}>
            {ago(job.created_at, now)}
            {job.status === "completed" && job.result && ` · ${brief(job.result)}`}
            {job.status === "queued" && " · Waits for its turn"}
            {job.status === "converting" && ` · ${job.progress} %${left ? ` · about ${duration(left)} left` : ""}`}
          </Text>
        </Box>
        <JobActions
          job={job}
          playing={playing}
          player={player}
          onPlay={() => setPlaying((before) => !before)}
          afterDelete={afterDelete}
        />
      </Group>
      {job.status === "converting" && (
        <Progress value={job.progress} mt="xs" animated aria-label={`Conversion of ${job.filename}`} />
      )}
      {job.status === "failed" && !cancelled(job) && (
        <Alert color="red" variant="light" mt="xs" p="xs">
          <Text size="sm" fw={600}>
            {job.error ?? "The conversion failed."}
          </Text>
          <Text size="sm">{advice(job)}</Text>
        </Alert>
      )}
      {job.mp3_fid && job.status === "completed" && (
        <SummaryOf
          name={job.filename}
          mp3={job.mp3_fid}
          summary={summary}
          available={summarises}
          whole={alone}
        />
      )}
      {job.mp3_fid && (
        <div id={player}>
          <Collapse expanded={playing}>{playing && <Player job={job} start={!alone} />}</Collapse>
        </div>
      )}
    </Box>
  );
});

/** Seconds until the conversion is done, from how fast it went so far. */
function useTimeLeft(job: Job): number | null {
  const pace = useRef(new Pace());
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    if (job.status !== "converting") {
      pace.current.reset();
      setLeft(null);
      return;
    }
    pace.current.add(job.progress, performance.now());
    const speed = pace.current.perSecond();
    setLeft(speed && speed > 0 ? (100 - job.progress) / speed : null);
  }, [job.status, job.progress]);
  return left;
}
