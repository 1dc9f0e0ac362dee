// The conversion options, for new uploads and for converting again: a preset, and details for those who want them.
import { Box, Button, Checkbox, Collapse, Group, Input, SegmentedControl, Select, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { useDisclosure, useId } from "@mantine/hooks";
import { IconAdjustments } from "@tabler/icons-react";
import { useState } from "react";
import type { Options } from "../api/jobs";
import { BITRATES, problems, QUALITIES, withChanges } from "./options";
import { detailsOf, type Preset, PRESETS, presetOf, withPreset } from "./presets";

const BITRATE_NOTES: Record<string, string> = { 320: "largest file", 192: "default", 128: "good for speech", 64: "smallest" };
const QUALITY_NOTES: Record<string, string> = { 0: "best", 2: "very good", 4: "good", 6: "about 115 kbit/s", 9: "smallest" };
const withNote = (label: string, note: string | undefined) => (note ? `${label} (${note})` : label);

const RATES = [
  {
    group: "Constant bit rate",
    items: BITRATES.toReversed().map((rate) => ({
      value: `bitrate:${rate}`,
      label: withNote(`${rate} kbit/s`, BITRATE_NOTES[rate]),
    })),
  },
  {
    group: "Variable bit rate",
    items: QUALITIES.map((quality) => ({ value: `quality:${quality}`, label: withNote(`V${quality}`, QUALITY_NOTES[quality]) })),
  },
];
const CUSTOM = "custom";
const CHOICES = [
  ...Object.entries(PRESETS).map(([value, { label }]) => ({ value, label })),
  { value: CUSTOM, label: "Custom" },
];

interface Props {
  value: Options;
  onChange: (value: Options) => void;
}

interface OptionFieldsProps extends Props {
  /** Whether "More options" are shown at first; those that are chosen always are. */
  expanded?: boolean;
}

export function OptionFields({ value, onChange, expanded = false }: OptionFieldsProps) {
  // The user may choose "Custom" before changing anything.
  const [custom, setCustom] = useState(false);
  const details = detailsOf(value);
  const invalid = Object.keys(problems(details)).length > 0;
  const count = Object.keys(details).length;
  const [open, { toggle }] = useDisclosure(expanded || count > 0);
  const id = useId();
  const preset = custom ? null : presetOf(value);

  function choose(chosen: string) {
    setCustom(chosen === CUSTOM);
    if (chosen !== CUSTOM) onChange(withPreset(value, chosen as Preset));
  }

  return (
    <Stack gap="sm">
      <Input.Wrapper
        label="Sound"
        labelElement="div"
        labelProps={{ id: `${id}-preset` }}
        description={preset ? PRESETS[preset].description : "Choose the details yourself."}
        inputWrapperOrder={["label", "input", "description"]}
      >
        <SegmentedControl
          className="presets"
          data={CHOICES}
          value={preset ?? CUSTOM}
          onChange={choose}
          fullWidth
          aria-labelledby={`${id}-preset`}
          mb={4}
        />
      </Input.Wrapper>
      {!preset && <SoundFields value={value} onChange={onChange} />}
      <div>
        <Group justify="space-between">
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconAdjustments size={16} />}
            onClick={toggle}
            // Fields with a message stay visible.
            disabled={invalid}
            aria-expanded={open || invalid}
            aria-controls={`${id}-details`}
          >
            More options{count ? ` (${count})` : ""}
          </Button>
          {Object.keys(value).length > 0 && (
            <Button
              variant="default"
              size="compact-sm"
              onClick={() => {
                setCustom(false);
                onChange({});
              }}
            >
              Reset to defaults
            </Button>
          )}
        </Group>
        <div id={`${id}-details`}>
          <Collapse expanded={open || invalid}>
            <Box pt="sm">
              <DetailFields value={value} onChange={onChange} />
            </Box>
          </Collapse>
        </div>
      </div>
    </Stack>
  );
}

function SoundFields({ value, onChange }: Props) {
  const set = (changes: Options) => onChange(withChanges(value, changes));
  const rate = value.quality ? `quality:${value.quality}` : value.bitrate ? `bitrate:${value.bitrate}` : null;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} spacing="sm">
      <Select
        label="Audio quality"
        placeholder="192 kbit/s"
        data={RATES}
        value={rate}
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
      <Checkbox
        label="Normalise volume"
        description="Quiet and loud videos become equally loud (EBU R 128)."
        checked={value.normalize === "true"}
        onChange={(event) => set({ normalize: event.currentTarget.checked ? "true" : undefined })}
      />
      <Checkbox
        label="Re-encode MP3 audio"
        description="Otherwise it is copied without loss."
        checked={value.reencode === "true"}
        onChange={(event) => set({ reencode: event.currentTarget.checked ? "true" : undefined })}
      />
    </SimpleGrid>
  );
}

function DetailFields({ value, onChange }: Props) {
  const invalid = problems(value);
  const set = (changes: Options) => onChange(withChanges(value, changes));
  const text = (name: keyof Options, label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={value[name] ?? ""}
      error={invalid[name]}
      dir="auto"
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }} spacing="sm">
      {text("start", "Start at", "0:00")}
      {text("end", "End at", "End of the video")}
      {text("track", "Audio track", "Default track")}
      {text("title", "Title", "From the video or file name")}
      {text("artist", "Artist", "From the video")}
      {text("album", "Album", "From the video")}
      <Checkbox
        label="Cover image"
        description="A frame from the video"
        checked={value.cover === "frame"}
        onChange={(event) => set({ cover: event.currentTarget.checked ? "frame" : undefined })}
      />
    </SimpleGrid>
  );
}
