// One job: its status, its MP3 and what can be done with it.
import { Alert, Anchor, Badge, Box, Collapse, Group, Progress, Text } from "@mantine/core";
import { memo, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { isCancelled } from "../api/jobs";
import type { Job, Summary } from "../api/schema";
import { duration } from "../format";
import { Moment } from "../Moment";
import { SpeedMeter } from "../speed";
import { useSummaryActions } from "../summaries/actions";
import { SummaryPanel } from "../summaries/SummaryPanel";
import { Transcript } from "../summaries/Transcript";
import { JobActions } from "./JobActions";
import { Player } from "./Player";
import { advice, outline, statusOf } from "./labels";

interface Props {
  job: Job;
  now: number;
  summary: Summary | undefined;
  /** Whether this server can make new summaries. */
  canSummarise: boolean;
  afterDelete: () => void;
  /** Whether it is alone on its page: then the player is open, and the page shows the name. */
  alone?: boolean;
  /** Whether to show one button only, and a menu with the other actions. */
  compact?: boolean;
}

export const JobCard = memo(function JobCard({
  job,
  now,
  summary,
  canSummarise,
  afterDelete,
  alone = false,
  compact = false,
}: Props) {
  const [playing, setPlaying] = useState(alone);
  const status = statusOf(job);
  const left = useTimeLeft(job);
  const player = `player-${job.video_fid}`;
  const mp3 = job.status === "completed" ? job.mp3_fid : null;
  const summarising = useSummaryActions({ name: job.filename, mp3, summary, available: canSummarise });

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
                <Anchor component={Link} to={`/app/jobs/${job.video_fid}`} c="inherit" fw={600} dir="auto" className="touch">
                  {job.filename}
                </Anchor>
              </h3>
            )}
            <Badge variant="light" color={status.color} className="badge">
              {status.text}
            </Badge>
          </Group>
          <Text size="sm" c="dimmed">
            <Moment at={job.created_at} now={now} />
            {job.status === "completed" && job.result && ` · ${outline(job.result)}`}
            {job.status === "converting" && ` · ${job.progress} %${left ? ` · about ${duration(left)} left` : ""}`}
          </Text>
        </Box>
        <JobActions
          job={job}
          playing={playing}
          player={player}
          compact={compact}
          more={compact ? summarising.actions : []}
          onPlay={() => setPlaying((before) => !before)}
          afterDelete={afterDelete}
        />
      </Group>
      {job.status === "converting" && (
        <Progress value={job.progress} mt="xs" animated aria-label={`Conversion of ${job.filename}`} />
      )}
      {job.status === "failed" && !isCancelled(job) && (
        <Alert color="red" variant="light" mt="xs" p="xs">
          <Text size="sm" fw={600}>
            {job.error ?? "The conversion failed."}
          </Text>
          <Text size="sm">{advice(job)}</Text>
        </Alert>
      )}
      {mp3 && (
        <SummaryPanel
          name={job.filename}
          summary={summary}
          actions={compact ? [] : summarising.actions}
          full={alone}
        />
      )}
      {mp3 && summarising.transcriptOpened && (
        <Transcript name={job.filename} mp3={mp3} onClose={summarising.closeTranscript} />
      )}
      {job.mp3_fid && (
        <div id={player}>
          <Collapse expanded={playing}>{playing && <Player job={job} start={!alone} />}</Collapse>
        </div>
      )}
    </Box>
  );
});

/** The estimated seconds until the conversion ends. */
function useTimeLeft(job: Job): number | null {
  const meter = useRef(new SpeedMeter());
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    // An effect, because rendering must not depend on the current time.
    /* eslint-disable react-hooks/set-state-in-effect */
    if (job.status !== "converting") {
      meter.current.reset();
      setLeft(null);
      return;
    }
    meter.current.add(job.progress, performance.now());
    const speed = meter.current.perSecond();
    setLeft(speed && speed > 0 ? (100 - job.progress) / speed : null);
    /* eslint-enable react-hooks/set-state-in-effect */
  }, [job.status, job.progress]);
  return left;
}
