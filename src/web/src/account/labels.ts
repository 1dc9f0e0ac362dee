// Texts about accounts, and what the page makes of the server's answers about them.
import { Refused } from "../api/http";
import type { Info } from "../api/schema";

/** How long videos and MP3s are stored; empty while that is unknown. */
export function retention(info: Pick<Info, "retention_days" | "keep_videos_days"> | undefined): string {
  if (info === undefined) return "";
  const { retention_days: mp3Days, keep_videos_days: videoDays } = info;
  const videos = `Videos are deleted ${after(videoDays)} the conversion`;
  if (mp3Days === null) return `${videos}, and MP3s are stored until you delete them.`;
  return mp3Days > videoDays
    ? `${videos}, and MP3s ${after(mp3Days)} it, or earlier if you delete them.`
    : `They are deleted ${after(mp3Days)} the conversion, or earlier if you delete them.`;
}

function after(days: number): string {
  if (days === 0) return "after";
  return `${days === 1 ? "one day" : `${days} days`} after`;
}

const hasCode = (error: Error | null, code: string): boolean => error instanceof Refused && error.code === code;

/** Whether the password that confirms a change is wrong. */
export const isWrongPassword = (error: Error | null): boolean => hasCode(error, "wrong_password");

/** Whether the account has no password that could confirm a change, because its owner uses single sign-on. */
export const hasNoPassword = (error: Error | null): boolean => hasCode(error, "no_password");

/** Whether somebody has typed an address, in any case. */
export const isSameAddress = (typed: string, email: string): boolean =>
  typed.trim().toLowerCase() === email.toLowerCase();
