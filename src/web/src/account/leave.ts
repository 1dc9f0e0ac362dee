// Signs out. What the user has deleted is deleted on the server first, because that needs the token.
import { notifications } from "@mantine/notifications";
import { client } from "../api/queries";
import { flush } from "../jobs/pending";
import { signOut } from "./session";

/** `last` is the last request with the token; if it fails, nobody is signed out. */
export async function leave(last?: () => Promise<unknown>): Promise<void> {
  const left = await flush();
  await last?.();
  signOut();
  client.clear();
  if (left === 0) return;
  notifications.show({
    color: "yellow",
    autoClose: false,
    title: "Not everything is deleted yet",
    message: "The server could not be reached. The MP3s that you deleted are deleted when you sign in again in this browser.",
  });
}
