// The time until an email can be requested again.
import { useCallback, useEffect, useState } from "react";
import { Refused } from "../api/http";

// s. An email takes a moment to arrive.
const AFTER_SENDING = 30;

/** Seconds until the next attempt, after one that succeeded or failed. */
export function waitAfter(error: Error | null): number {
  if (!error) return AFTER_SENDING;
  return error instanceof Refused ? error.retryAfter : 0;
}

/** The seconds that are left, and a function that starts to count down. */
export function useCountdown(): { left: number; wait: (seconds: number) => void } {
  const [end, setEnd] = useState(0);
  const [now, setNow] = useState(0);
  const left = Math.max(0, Math.ceil((end - now) / 1000));
  const waiting = left > 0;
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [waiting]);
  const wait = useCallback((seconds: number) => {
    const start = Date.now();
    setNow(start);
    setEnd(start + seconds * 1000);
  }, []);
  return { left, wait };
}
