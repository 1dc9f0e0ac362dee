// What is remembered during single sign-on, and texts about what can go wrong.

const KEY = "video2mp3.from";

/** Remembers, in this tab, the page to show after signing in. */
export const remember = (from: string): void => sessionStorage.setItem(KEY, from);

/** The page to show, once. */
export function recall(): string {
  const from = sessionStorage.getItem(KEY) ?? "/";
  sessionStorage.removeItem(KEY);
  return from;
}

const FAILED = "The sign-in failed. Try again.";
const ERRORS: Partial<Record<string, string>> = {
  sso_denied: "The sign-in was cancelled or denied.",
  sso_expired: "The sign-in took too long, or was started in another window. Try again.",
  sso_unavailable: "The sign-in service does not answer. Try again later, or sign in with a password.",
  sso_email_not_verified: "The sign-in service has not confirmed your email address. Confirm it there, then try again.",
  sso_domain_not_allowed: "Your email address is not in a domain that may sign in here. Ask the operator of this server.",
  sso_account_exists: "An account with your email address exists already. Sign in with its password.",
  sso_not_configured: "This server has no single sign-on. Sign in with a password.",
  account_disabled: "The operator has disabled this account.",
  too_many_attempts: "Too many attempts. Wait a minute and try again.",
  unavailable: "The server is not available right now. Try again in a moment.",
};

/** The text for the code in the address to which the server redirects after an error. */
export const problem = (code: string): string => ERRORS[code] ?? FAILED;
