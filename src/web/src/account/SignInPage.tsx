// Signs in, also after the token has expired or a download link has led here.
import { Alert } from "@mantine/core";
import { IconClock } from "@tabler/icons-react";
import { login } from "../api/accounts";
import { LinkAlert } from "../shell/LinkAlert";
import { useStore } from "../store";
import { useTitle } from "../title";
import { AccountForm, useArrival } from "./AccountForm";
import { expired } from "./session";

export function SignInPage() {
  useTitle("Sign in");
  const wasExpired = useStore(expired);
  const { from = "/" } = useArrival();
  const link = new URL(from, location.origin).searchParams.get("link");
  return (
    <AccountForm
      title="Sign in"
      button="Sign in"
      newPassword={false}
      notice={
        <>
          {link && <LinkAlert code={link} place="signIn" />}
          {wasExpired && (
            <Alert color="yellow" role="status" icon={<IconClock />} title="You were signed out">
              Your session has expired. Sign in again to continue. Uploads resume after you sign in.
            </Alert>
          )}
        </>
      }
      other={{ question: "No account yet?", link: "Create one", path: "/app/register" }}
      submit={login}
    />
  );
}
