// The time, for "5 minutes ago": once a minute is often enough.
import { useInterval } from "@mantine/hooks";
import { useState } from "react";

export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useInterval(() => setNow(Date.now()), 60_000, { autoInvoke: true });
  return now;
}
