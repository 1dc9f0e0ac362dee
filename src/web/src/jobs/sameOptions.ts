// Compares conversion options as the server does, which rejects a conversion with the options of the current MP3.
import { type Options, withTypes } from "../api/jobs";
import { seconds } from "../uploads/options";

export const sameOptions = (one: Options, other: Options): boolean => normalised(one) === normalised(other);

function normalised(options: Options): string {
  const values = Object.entries(withTypes(options)).map(([name, value]) => {
    if (name === "start" || name === "end") return [name, seconds(String(value)) ?? value];
    return [name, typeof value === "string" ? value.trim().replaceAll(/\s+/g, " ") : value];
  });
  return JSON.stringify(values.filter(([, value]) => value !== "" && value !== false).sort());
}
