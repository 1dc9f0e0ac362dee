// Shows the error of an action at its place on the page; nothing without an error.
import { Alert } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";

export function ErrorAlert({ title, error }: { title?: string; error: Error | null }) {
  return (
    error && (
      <Alert color="red" role="alert" icon={<IconAlertCircle />} title={title} w="100%">
        {error.message}
      </Alert>
    )
  );
}
