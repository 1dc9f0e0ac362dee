// Presets: named choices of how the MP3 sounds and how large it is.
import type { Options } from "../api/jobs";

interface Choice {
  label: string;
  /** For the user: what it is for, and which options it stands for. */
  description: string;
  options: Options;
}

const CHOICES = {
  standard: {
    label: "Standard",
    description: "For most videos: 192 kbit/s. Audio that is MP3 already is copied without loss.",
    options: {},
  },
  voice: {
    label: "Voice",
    description: "For talks and lectures: small files of even volume (mono, 64 kbit/s, normalised volume).",
    // 64 kbit/s for one channel is as much as 128 kbit/s for two.
    options: { bitrate: "64", channels: "mono", normalize: "true" },
  },
  music: {
    label: "Music",
    description: "For concerts and songs: the best quality, larger files (V0, about 245 kbit/s).",
    options: { quality: "0" },
  },
  small: {
    label: "Small",
    description: "The smallest files, with audible loss (V9, about 65 kbit/s).",
    // A variable bit rate sounds better than a constant one of the same size.
    options: { quality: "9" },
  },
} satisfies Record<string, Choice>;

export type Preset = keyof typeof CHOICES;
export const PRESETS: Record<Preset, Choice> = CHOICES;

/** The options that a preset decides about. The others, such as a title, are independent of it. */
const SOUND = ["bitrate", "quality", "channels", "sample_rate", "normalize", "reencode"] as const;

/** The preset with these options; null if there is none. */
export function presetOf(options: Options): Preset | null {
  const names = Object.keys(PRESETS) as Preset[];
  return names.find((name) => SOUND.every((option) => options[option] === PRESETS[name].options[option])) ?? null;
}

/** The options with those of a preset. */
export function withPreset(options: Options, preset: Preset): Options {
  return { ...detailsOf(options), ...PRESETS[preset].options };
}

/** The options that presets leave alone. */
export function detailsOf(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !SOUND.some((option) => option === name)));
}
