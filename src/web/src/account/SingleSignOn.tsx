// Signing in with the provider of single sign-on, if this server has one.
import { Alert, Button, Divider } from "@mantine/core";
import { IconAlertCircle, IconLogin2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { infoQuery } from "../api/info";
import { LOGIN } from "../api/singleSignOn";
import { problem, remember } from "./providerReturn";

/** The way to the provider, from which the browser returns to `from`. */
export function SingleSignOn({ from = "/" }: { from?: string | undefined }) {
  const { data } = useQuery(infoQuery);
  if (!data?.single_sign_on) return null;
  return (
    <>
      <Divider label="or" my="md" />
      <Button
        component="a"
        href={LOGIN}
        variant="default"
        size="md"
        fullWidth
        leftSection={<IconLogin2 size={18} aria-hidden />}
        onClick={() => remember(from)}
      >
        Sign in with {data.single_sign_on}
      </Button>
    </>
  );
}

/** Why the last attempt has failed: the server has redirected to this page with a code. */
export function SingleSignOnAlert() {
  const [parameters, setParameters] = useSearchParams();
  const code = parameters.get("sso");
  if (!code) return null;
  return (
    <Alert
      color="red"
      role="alert"
      icon={<IconAlertCircle />}
      title="You are not signed in"
      mb="md"
      withCloseButton
      closeButtonLabel="Close this message"
      data-sso-error={code}
      onClose={() => setParameters({}, { replace: true })}
    >
      {problem(code)}
    </Alert>
  );
}
