// Says clearly when the server can't be reached, and that nothing is lost by it.
import { Alert } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";
import { useEffect } from "react";
import { reachable } from "../api/connection";
import { client } from "../api/queries";
import { useStore } from "../store";

// ms between two tries to reach a server that did not answer.
const PAUSE = 3_000;

export function Connection() {
  const ok = useStore(reachable);
  useEffect(() => {
    if (ok) return;
    const timer = setInterval(() => {
      fetch("/healthz", { signal: AbortSignal.timeout(PAUSE), cache: "no-store" }).then(
        (response) => {
          if (!response.ok) return;
          reachable.set(true);
          void client.invalidateQueries();
        },
        () => undefined,
      );
    }, PAUSE);
    return () => clearInterval(timer);
  }, [ok]);
  return (
    <div role="alert">
      {!ok && (
        <Alert color="red" variant="light" icon={<IconCloudOff />} title="The server can't be reached" mb="md">
          Check your connection. This page keeps trying; uploads go on where they were, and what you see here may be old.
        </Alert>
      )}
    </div>
  );
}
