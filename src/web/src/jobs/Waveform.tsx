// The waveform of an MP3. A click seeks to that position; keyboard users seek with the player's controls.
import { Box, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import WaveSurfer from "wavesurfer.js";
import { nonce } from "../nonce";

// bytes: half an hour at 192 kbit/s. Decoding more needs more memory than a phone has.
const MAX_SIZE = 45_000_000;
// Hz. Enough for a waveform, with a sixth of the memory.
const RATE = 8_000;
const BARS = 800;
const HEIGHT = 72;

interface Peaks {
  peaks: number[];
  seconds: number;
}

export default function Waveform({ link, audio }: { link: string; audio: HTMLAudioElement }) {
  const box = useRef<HTMLDivElement>(null);
  const query = useQuery({
    queryKey: ["peaks", link],
    queryFn: ({ signal }) => loadPeaks(link, signal),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const waveform = query.data;

  useEffect(() => {
    if (!waveform || !box.current) return;
    const style = getComputedStyle(document.documentElement);
    const surfer = WaveSurfer.create({
      container: box.current,
      media: audio,
      peaks: [waveform.peaks],
      duration: waveform.seconds,
      height: HEIGHT,
      normalize: true,
      barWidth: 2,
      barGap: 1,
      barRadius: 2,
      waveColor: style.getPropertyValue("--mantine-color-gray-5"),
      progressColor: style.getPropertyValue("--mantine-color-indigo-5"),
      cursorColor: style.getPropertyValue("--mantine-color-indigo-5"),
      cspNonce: nonce,
    });
    return () => surfer.destroy();
  }, [waveform, audio]);

  if (query.isPending) return <Skeleton height={HEIGHT} mb="xs" />;
  if (!waveform) {
    return (
      <Text size="sm" c="dimmed" mb="xs">
        {query.isError ? "The waveform could not be drawn." : "This MP3 is too long to show its waveform."}
      </Text>
    );
  }
  return <Box ref={box} mih={HEIGHT} mb="xs" aria-hidden data-waveform />;
}

/** Returns null for an MP3 that is too long. */
async function loadPeaks(link: string, signal: AbortSignal): Promise<Peaks | null> {
  const response = await fetch(link, { signal });
  if (!response.ok) throw new Error(String(response.status));
  if (Number(response.headers.get("Content-Length")) > MAX_SIZE) {
    await response.body?.cancel();
    return null;
  }
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await response.arrayBuffer());
  const samples = sound.getChannelData(0);
  const width = Math.max(1, Math.floor(samples.length / BARS));
  const peaks: number[] = [];
  for (let at = 0; at < samples.length; at += width) {
    let peak = 0;
    for (const sample of samples.subarray(at, at + width)) peak = Math.max(peak, Math.abs(sample));
    peaks.push(peak);
  }
  return { peaks, seconds: sound.duration };
}
