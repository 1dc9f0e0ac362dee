// Plays an MP3 with the browser's own controls, below its waveform.
import { Alert, Box, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { getLocalLink } from "../api/jobs";
import type { Job } from "../api/schema";
import { mp3Name } from "./labels";

const Waveform = lazy(() => import("./Waveform"));

/** `start` plays the MP3 as soon as it is loaded. */
export function Player({ job, start }: { job: Job; start: boolean }) {
  const [audio, setAudio] = useState<HTMLAudioElement | null>(null);
  const [failed, setFailed] = useState(false);
  const link = useQuery({
    queryKey: ["link", job.mp3_fid],
    queryFn: () => getLocalLink(job.video_fid),
    staleTime: 3_600_000,
  });
  if (link.isError || failed) {
    return (
      <Alert color="red" role="alert" mt="sm">
        {link.error?.message ?? "The MP3 could not be played. Reload the page, or download the MP3."}
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
          onPlay={(event) => pauseOthers(event.currentTarget)}
          onError={() => setFailed(true)}
        />
      )}
    </Box>
  );
}

/** Only one player plays at a time. */
function pauseOthers(player: HTMLAudioElement): void {
  for (const other of document.querySelectorAll("audio")) if (other !== player) other.pause();
}
