// Plays an MP3 in the page: the browser's own controls, with a picture of the sound above them.
import { Alert, Box, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { type Job, linkOf } from "../api/jobs";
import { mp3Name } from "./words";

const Waveform = lazy(() => import("./Waveform"));

/** `start` begins to play as soon as it can: the person has just asked for it. */
export function Player({ job, start }: { job: Job; start: boolean }) {
  const [audio, setAudio] = useState<HTMLAudioElement | null>(null);
  const [failed, setFailed] = useState(false);
  const link = useQuery({
    queryKey: ["link", job.mp3_fid],
    queryFn: () => linkOf(job.video_fid),
    staleTime: 3_600_000,
  });
  if (link.isError || failed) {
    return (
      <Alert color="red" role="alert" mt="sm">
        {link.error?.message ?? "The MP3 could not be played. Load the page again, or download it."}
      </Alert>
    );
  }
  return (
    <Box mt="sm" mih={130}>
      {audio && link.data && (
        <Suspense fallback={<Text size="sm">Loading…</Text>}>
          <Waveform link={link.data} audio={audio} />
        </Suspense>
      )}
      {link.data && (
        <audio
          ref={setAudio}
          className="player"
          controls
          autoPlay={start}
          preload="metadata"
          src={link.data}
          aria-label={mp3Name(job)}
          onError={() => setFailed(true)}
        />
      )}
    </Box>
  );
}
