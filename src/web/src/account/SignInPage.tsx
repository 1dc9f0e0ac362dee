// Signs in, also after the token has expired or a link in an email has led here.
import { Alert, Anchor, Text } from "@mantine/core";
import { IconCheck, IconClock } from "@tabler/icons-react";
import { Link, useSearchParams } from "react-router";
import { login } from "../api/accounts";
import { LinkAlert } from "../shell/LinkAlert";
import { useStore } from "../store";
import { useTitle } from "../title";
import { AccountForm, useArrival } from "./AccountForm";
import { noticeOf } from "./notices";
import { expired } from "./session";

export function SignInPage() {
  useTitle("Sign in");
  const wasExpired = useStore(expired);
  const { from = "/" } = useArrival();
  const requested = new URL(from, location.origin).searchParams;
  const [own] = useSearchParams();
  const link = requested.get("link");
  const notice = noticeOf(own.get("account") ?? requested.get("account"));
  return (
    <AccountForm
      title="Sign in"
      button="Sign in"
      newPassword={false}
      notice={
        <>
          {link && <LinkAlert code={link} place="signIn" />}
          {notice && (
            <Alert color="teal" role="status" icon={<IconCheck />} title={notice.title}>
              {notice.text}
            </Alert>
          )}
          {wasExpired && !notice && (
            <Alert color="yellow" role="status" icon={<IconClock />} title="You were signed out">
              Your session has expired. Sign in again to continue. Uploads resume after you sign in.
            </Alert>
          )}
        </>
      }
      help={(arrival) => (
        <Text size="sm">
          <Anchor component={Link} to="/app/forgotten-password" state={arrival} underline="always" className="touch">
            Forgot your password?
          </Anchor>
        </Text>
      )}
      other={{ question: "No account yet?", link: "Create one", path: "/app/register" }}
      submit={login}
    />
  );
}
