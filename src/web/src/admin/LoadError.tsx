import { Alert, Button } from "@mantine/core";

interface Props {
  error: Error | null;
  retry: () => unknown;
}

export function LoadError({ error, retry }: Props) {
  if (!error) return null;
  return (
    <Alert color="red" role="alert" title="This could not be loaded" w="100%">
      {error.message}
      <Button mt="sm" display="block" size="compact-sm" onClick={() => void retry()}>
        Try again
      </Button>
    </Alert>
  );
}
