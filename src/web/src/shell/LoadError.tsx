// Shows why something could not be loaded, with a button to try again; nothing without an error.
import { Alert, Button } from "@mantine/core";

interface Props {
  title?: string;
  error: Error | null;
  retry: () => unknown;
}

export function LoadError({ title = "This could not be loaded", error, retry }: Props) {
  if (!error) return null;
  return (
    <Alert color="red" role="alert" title={title} w="100%">
      {error.message}
      <Button mt="sm" display="block" size="compact-sm" onClick={() => void retry()}>
        Try again
      </Button>
    </Alert>
  );
}
