// The routes of the API for registering, signing in, and for what a user sees and changes in an account.
import { ask, askJson } from "./http";
import { local } from "./links";
import type { Account, Link } from "./schema";

export const ACCOUNT = ["account"] as const;

/** The code of the responses to an account whose address is not confirmed. */
export const UNCONFIRMED = "address_not_verified";

const json = (method: string, body: object): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export async function register(email: string, password: string): Promise<void> {
  await ask("/register", json("POST", { email, password }));
}

/** Returns the token. */
export async function login(email: string, password: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${email}:${password}`);
  const credentials = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const response = await ask("/login", {
    method: "POST",
    headers: { Authorization: `Basic ${credentials}`, Accept: "text/plain" },
  });
  return (await response.text()).trim();
}

export const accountQuery = { queryKey: ACCOUNT, queryFn: () => askJson<Account>("/account") };

export const setEmails = (emails: boolean): Promise<Response> => ask("/account", json("PATCH", { emails }));

/** Has the email sent again that confirms the address. */
export const sendConfirmation = (): Promise<Response> => ask("/account/verification", { method: "POST" });

/** Has a link for a new password sent to the address, if it has an account. */
export const sendPasswordLink = (email: string): Promise<Response> => ask("/password-reset", json("POST", { email }));

export interface PasswordChange {
  current: string;
  new: string;
}

/** Ends all tokens, and returns a new one. */
export const changePassword = async (change: PasswordChange): Promise<string> =>
  (await askJson<{ token: string }>("/account/password", json("POST", change))).token;

/** Ends all tokens. */
export const signOutEverywhere = (): Promise<Response> => ask("/account/sign-out", { method: "POST" });

export const deleteAccount = (password: string): Promise<Response> => ask("/account", json("DELETE", { password }));

/** The address from which the browser downloads the archive of all data; it works for a minute. */
export const getExportLink = async (): Promise<string> =>
  local((await askJson<Link>("/account/export/link")).url, "/account/export");
