// Shown while the server can't be reached.
import { Alert } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useEffect } from "react";
import { reachable } from "../api/connection";
import { client } from "../api/queries";
import { useStore } from "../store";

// ms between two requests to a server that does not answer.
const INTERVAL = 3_000;

export function ConnectionAlert() {
  const ok = useStore(reachable);
  useEffect(() => {
    if (ok) return;
    const timer = setInterval(() => {
      fetch("/healthz", { signal: AbortSignal.timeout(INTERVAL), cache: "no-store" }).then(
        (response) => {
          if (!response.ok) return;
          reachable.set(true);
          void client.invalidateQueries();
        },
        () => undefined,
      );
    }, INTERVAL);
    return () => clearInterval(timer);
  }, [ok]);
  return (
    <div role="alert">
      {!ok && (
        <Alert color="red" variant="light" icon={<IconCloudOff />} title="The server can't be reached" mb="md">
          Check your connection. This page keeps trying to reconnect, and uploads resume automatically. Until then, the page may be out of date.
        </Alert>
      )}
    </div>
  );
}
