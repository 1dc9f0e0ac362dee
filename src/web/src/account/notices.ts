// What the page says after the link in an email about the account was used: the server redirects to it with a code.
import { notifications } from "@mantine/notifications";

export const CONFIRMED = "confirmed";
export const NEW_PASSWORD = "new-password";

interface Notice {
  title: string;
  text: string;
}

const NOTICES: Partial<Record<string, Notice>> = {
  [CONFIRMED]: { title: "Your email address is confirmed", text: "Sign in to convert videos." },
  [NEW_PASSWORD]: {
    title: "Your password was changed",
    text: "You were signed out everywhere. Sign in with the new password.",
  },
};

/** For the sign-in page; undefined for codes that this page does not know. */
export const noticeOf = (code: string | null): Notice | undefined => NOTICES[code ?? ""];

export const showConfirmed = (): string =>
  notifications.show({
    id: CONFIRMED,
    color: "teal",
    title: NOTICES[CONFIRMED]?.title,
    message: "You can convert videos now.",
  });
