// The routes of the API for registering, signing in, and the settings of an account.
import { ask, askJson } from "./http";
import type { Account } from "./schema";

export async function register(email: string, password: string): Promise<void> {
  await ask("/register", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
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

export const getAccount = (): Promise<Account> => askJson<Account>("/account");

export const setEmails = (emails: boolean): Promise<Response> =>
  ask("/account", {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ emails }),
  });
