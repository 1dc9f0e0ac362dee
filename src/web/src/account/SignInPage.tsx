// Signs in, also after the token has expired.
import { Alert, Anchor } from "@mantine/core";
import { IconClock } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { login } from "../api/accounts";
import { useStore } from "../store";
import { useTitle } from "../title";
import { AccountForm } from "./AccountForm";
import { expired } from "./session";

export function SignInPage() {
  useTitle("Sign in");
  const wasExpired = useStore(expired);
  const state: unknown = useLocation().state;
  return (
    <AccountForm
      title="Sign in"
      button="Sign in"
      newPassword={false}
      notice={
        wasExpired && (
          <Alert color="yellow" role="status" icon={<IconClock />} title="You were signed out">
            Your session has expired. Sign in again to continue. Uploads resume after you sign in.
          </Alert>
        )
      }
      other={
        <>
          No account yet?{" "}
          <Anchor component={Link} to="/app/register" state={state} underline="always">
            Create one
          </Anchor>
        </>
      }
      submit={login}
    />
  );
}
