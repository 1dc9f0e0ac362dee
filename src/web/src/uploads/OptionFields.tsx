// A say in the result: the same fields for new uploads and for converting again.
import { Checkbox, Select, SimpleGrid, TextInput } from "@mantine/core";
import { type Options } from "../api/jobs";

const QUALITIES = [
  { value: "bitrate:320", label: "320 kbit/s: the largest files" },
  { value: "bitrate:256", label: "256 kbit/s" },
  { value: "bitrate:192", label: "192 kbit/s: the default" },
  { value: "bitrate:160", label: "160 kbit/s" },
  { value: "bitrate:128", label: "128 kbit/s: good for speech" },
  { value: "bitrate:96", label: "96 kbit/s" },
  { value: "bitrate:64", label: "64 kbit/s: the smallest constant rate" },
  { value: "quality:0", label: "V0: best variable bit rate" },
  { value: "quality:2", label: "V2: very good, smaller" },
  { value: "quality:4", label: "V4: good, about 165 kbit/s" },
  { value: "quality:6", label: "V6: about 115 kbit/s" },
  { value: "quality:9", label: "V9: smallest variable bit rate" },
];
const MOMENT = /^((\d{1,2}:)?\d{1,3}:[0-5]?\d|\d{1,6})(\.\d{1,6})?$/;

interface Props {
  value: Options;
  onChange(value: Options): void;
}

/** What can be seen to be wrong before the server is asked. */
export function problems(options: Options): Options {
  const found: Options = {};
  for (const name of ["start", "end"]) {
    const value = options[name];
    if (value && !MOMENT.test(value)) found[name] = "Seconds (83.5) or hh:mm:ss (00:01:23.5)";
  }
  const track = options["track"];
  if (track && !/^([1-9]|[1-5]\d|6[0-4])$/.test(track)) found["track"] = "A number from 1 to 64";
  return found;
}

export function OptionFields({ value, onChange }: Props) {
  const wrong = problems(value);

  function set(changed: Record<string, string | undefined>) {
    const next = { ...value, ...changed };
    onChange(Object.fromEntries(Object.entries(next).filter((entry): entry is [string, string] => !!entry[1])));
  }

  const text = (name: string, label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={value[name] ?? ""}
      error={wrong[name]}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  const quality = value["quality"] ? `quality:${value["quality"]}` : value["bitrate"] ? `bitrate:${value["bitrate"]}` : null;

  return (
    <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} spacing="sm">
      <Select
        label="Sound quality"
        placeholder="192 kbit/s"
        data={QUALITIES}
        value={quality}
        clearable
        clearButtonProps={{ "aria-label": "Clear the sound quality" }}
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
        value={value["channels"] ?? "keep"}
        allowDeselect={false}
        onChange={(chosen) => set({ channels: chosen === "keep" ? undefined : (chosen ?? undefined) })}
      />
      <Select
        label="Sample rate"
        data={[
          { value: "keep", label: "As in the video" },
          { value: "48000", label: "48 kHz" },
          { value: "44100", label: "44.1 kHz" },
          { value: "32000", label: "32 kHz" },
        ]}
        value={value["sample_rate"] ?? "keep"}
        allowDeselect={false}
        onChange={(chosen) => set({ sample_rate: chosen === "keep" ? undefined : (chosen ?? undefined) })}
      />
      {text("start", "Begin at", "0:00")}
      {text("end", "End at", "The video's end")}
      {text("track", "Audio track", "The main one")}
      {text("title", "Title", "The video's own")}
      {text("artist", "Artist", "The video's own")}
      {text("album", "Album", "The video's own")}
      <Checkbox
        mt="xs"
        label="Even out the loudness"
        description="EBU R 128"
        checked={value["normalize"] === "true"}
        onChange={(event) => set({ normalize: event.currentTarget.checked ? "true" : undefined })}
      />
      <Checkbox
        mt="xs"
        label="Cover picture"
        description="A frame of the video"
        checked={value["cover"] === "frame"}
        onChange={(event) => set({ cover: event.currentTarget.checked ? "frame" : undefined })}
      />
      <Checkbox
        mt="xs"
        label="Encode MP3 sound again"
        description="Otherwise it is copied without loss"
        checked={value["reencode"] === "true"}
        onChange={(event) => set({ reencode: event.currentTarget.checked ? "true" : undefined })}
      />
    </SimpleGrid>
  );
}
