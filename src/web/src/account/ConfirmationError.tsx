// Why a change that the password confirms was not made; the field itself shows a wrong password.
import { Alert, Anchor } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { Link } from "react-router";
import { ErrorAlert } from "../shell/ErrorAlert";
import { useStore } from "../store";
import { hasNoPassword, isWrongPassword } from "./labels";
import { session } from "./session";

export function ConfirmationError({ title, error }: { title: string; error: Error | null }) {
  const email = useStore(session)?.email;
  if (isWrongPassword(error)) return null;
  if (!hasNoPassword(error)) return <ErrorAlert title={title} error={error} />;
  return (
    <Alert color="red" role="alert" icon={<IconAlertCircle />} title={title} w="100%">
      Your account has no password yet, because you sign in with single sign-on.{" "}
      <Anchor component={Link} to="/app/forgotten-password" state={{ email, from: "/app/account" }} inherit c="inherit" underline="always">
        Get a link to choose a password
      </Anchor>
      , then try again.
    </Alert>
  );
}
