// Asks for the permission to notify, near the work that is in progress.
import { Switch } from "@mantine/core";
import { useStore } from "../store";
import { activity } from "./activity";
import { notifying, setNotifying } from "./notify";

/** Shown while files are uploaded, or while only conversions are in progress. */
export function NotifySwitch({ during }: { during: "uploads" | "conversions" }) {
  const state = useStore(notifying);
  const { uploading, converting } = useStore(activity);
  const shown = during === "uploads" ? uploading > 0 : uploading === 0 && converting > 0;
  if (!shown || state === "unavailable") return null;
  return (
    <Switch
      label="Notify me when done"
      description={state === "blocked" ? "Your browser blocks notifications of this page." : undefined}
      checked={state === "on"}
      disabled={state === "blocked"}
      onChange={(event) => void setNotifying(event.currentTarget.checked)}
    />
  );
}
