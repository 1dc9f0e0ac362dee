// The conversion options, for new uploads and for converting again.
import { Checkbox, Select, SimpleGrid, TextInput } from "@mantine/core";
import type { Options } from "../api/jobs";
import { problems, withChanges } from "./options";

const QUALITIES = [
  { value: "bitrate:320", label: "320 kbit/s (largest file)" },
  { value: "bitrate:256", label: "256 kbit/s" },
  { value: "bitrate:192", label: "192 kbit/s (default)" },
  { value: "bitrate:160", label: "160 kbit/s" },
  { value: "bitrate:128", label: "128 kbit/s (good for speech)" },
  { value: "bitrate:96", label: "96 kbit/s" },
  { value: "bitrate:64", label: "64 kbit/s (smallest constant bit rate)" },
  { value: "quality:0", label: "V0 (best variable bit rate)" },
  { value: "quality:2", label: "V2 (very good, smaller)" },
  { value: "quality:4", label: "V4 (good, about 165 kbit/s)" },
  { value: "quality:6", label: "V6 (about 115 kbit/s)" },
  { value: "quality:9", label: "V9 (smallest variable bit rate)" },
];

interface Props {
  value: Options;
  onChange: (value: Options) => void;
}

export function OptionFields({ value, onChange }: Props) {
  const invalid = problems(value);
  const set = (changes: Options) => onChange(withChanges(value, changes));

  const text = (name: keyof Options, label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={value[name] ?? ""}
      error={invalid[name]}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  const quality = value.quality ? `quality:${value.quality}` : value.bitrate ? `bitrate:${value.bitrate}` : null;

  return (
    <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} spacing="sm">
      <Select
        label="Audio quality"
        placeholder="192 kbit/s"
        data={QUALITIES}
        value={quality}
        clearable
        clearButtonProps={{ "aria-label": "Clear the audio quality" }}
        onChange={(chosen) => {
          const [name, amount] = (chosen ?? "").split(":");
          set({ bitrate: undefined, quality: undefined, ...(name ? { [name]: amount } : {}) });
        }}
      />
      <Select
        label="Channels"
        data={[
          { value: "keep", label: "As in the video" },
          { value: "stereo", label: "Stereo" },
          { value: "mono", label: "Mono" },
        ]}
        value={value.channels ?? "keep"}
        allowDeselect={false}
        onChange={(chosen) => set({ channels: chosen === "keep" ? undefined : (chosen ?? undefined) })}
      />
      <Select
        label="Sample rate"
        data={[
          { value: "keep", label: "Automatic" },
          { value: "48000", label: "48 kHz" },
          { value: "44100", label: "44.1 kHz" },
          { value: "32000", label: "32 kHz" },
        ]}
        value={value.sample_rate ?? "keep"}
        allowDeselect={false}
        onChange={(chosen) => set({ sample_rate: chosen === "keep" ? undefined : (chosen ?? undefined) })}
      />
      {text("start", "Start at", "0:00")}
      {text("end", "End at", "End of the video")}
      {text("track", "Audio track", "Default track")}
      {text("title", "Title", "From the video or file name")}
      {text("artist", "Artist", "From the video")}
      {text("album", "Album", "From the video")}
      <Checkbox
        mt="xs"
        label="Normalise volume"
        description="To the standard loudness EBU R 128"
        checked={value.normalize === "true"}
        onChange={(event) => set({ normalize: event.currentTarget.checked ? "true" : undefined })}
      />
      <Checkbox
        mt="xs"
        label="Cover image"
        description="A frame from the video"
        checked={value.cover === "frame"}
        onChange={(event) => set({ cover: event.currentTarget.checked ? "frame" : undefined })}
      />
      <Checkbox
        mt="xs"
        label="Re-encode MP3 audio"
        description="Otherwise it is copied without loss"
        checked={value.reencode === "true"}
        onChange={(event) => set({ reencode: event.currentTarget.checked ? "true" : undefined })}
      />
    </SimpleGrid>
  );
}
