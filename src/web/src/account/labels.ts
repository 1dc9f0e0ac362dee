// Texts about accounts, and what the page makes of the server's answers about them.
import { Refused } from "../api/http";

/** How long files are stored; empty while that is unknown. */
export function retention(days: number | null | undefined): string {
  if (days === undefined) return "";
  if (days === null) return "They are stored until you delete them.";
  return `They are deleted ${days === 1 ? "one day" : `${days} days`} after the conversion, or earlier if you delete them.`;
}

const hasCode = (error: Error | null, code: string): boolean => error instanceof Refused && error.code === code;

/** Whether the password that confirms a change is wrong. */
export const isWrongPassword = (error: Error | null): boolean => hasCode(error, "wrong_password");

/** Whether the account has no password that could confirm a change, because its owner uses single sign-on. */
export const hasNoPassword = (error: Error | null): boolean => hasCode(error, "no_password");

/** Whether somebody has typed an address, in any case. */
export const isSameAddress = (typed: string, email: string): boolean =>
  typed.trim().toLowerCase() === email.toLowerCase();
