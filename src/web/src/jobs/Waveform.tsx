// The picture of an MP3's sound: a click in it goes there. The controls below do the same for the keyboard.
import { Box, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import WaveSurfer from "wavesurfer.js";
import { nonce } from "../nonce";

// bytes. Half an hour at 192 kbit/s; decoding more takes a phone's memory.
const LARGEST = 45_000_000;
// Hz. Enough for a picture, and a sixth of the memory.
const RATE = 8_000;
const BARS = 800;
const HEIGHT = 72;

interface Picture {
  peaks: number[];
  seconds: number;
}

export default function Waveform({ link, audio }: { link: string; audio: HTMLAudioElement }) {
  const box = useRef<HTMLDivElement>(null);
  const picture = useQuery({
    queryKey: ["peaks", link],
    queryFn: ({ signal }) => draw(link, signal),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const drawn = picture.data;

  useEffect(() => {
    if (!drawn || !box.current) return;
    const style = getComputedStyle(document.documentElement);
    const surfer = WaveSurfer.create({
      container: box.current,
      media: audio,
      peaks: [drawn.peaks],
      duration: drawn.seconds,
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
  }, [drawn, audio]);

  if (picture.isPending) return <Skeleton height={HEIGHT} mb="xs" />;
  if (!drawn) {
    return (
      <Text size="sm" c="dimmed" mb="xs">
        {picture.isError ? "The picture of the sound could not be drawn." : "Too long for a picture of its sound."}
      </Text>
    );
  }
  return <Box ref={box} mih={HEIGHT} mb="xs" aria-hidden data-waveform />;
}

async function draw(link: string, signal: AbortSignal): Promise<Picture | null> {
  const response = await fetch(link, { signal });
  if (!response.ok) throw new Error(String(response.status));
  if (Number(response.headers.get("Content-Length")) > LARGEST) {
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
