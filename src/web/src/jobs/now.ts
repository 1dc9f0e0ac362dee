// The current time for texts like "5 minutes ago", updated once a minute.
import { useInterval } from "@mantine/hooks";
import { useState } from "react";

export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useInterval(() => setNow(Date.now()), 60_000, { autoInvoke: true });
  return now;
}
