// Uploads that an earlier visit began: their addresses are kept, their files are not.
import { defaultOptions, type PreviousUpload } from "tus-js-client";
import { ask, Refused } from "../api/http";
import { type Upload } from "./queue";

const TUS = { "Tus-Resumable": "1.0.0" };

/** What tells that a file is the same as before, of the same person. */
export const fingerprint = (email: string, file: File): string =>
  [email, file.name, file.size, file.lastModified].map((part) => encodeURIComponent(part)).join("|");

/** The unfinished uploads of a person, with how far the server has them. */
export async function earlier(email: string): Promise<Upload[]> {
  const stored = await defaultOptions.urlStorage.findAllUploads();
  const mine = stored.filter((upload) => upload.urlStorageKey.startsWith(`tus::${encodeURIComponent(email)}|`));
  const found = await Promise.all(mine.map(look));
  return found.filter((upload) => upload !== null);
}

async function look(stored: PreviousUpload): Promise<Upload | null> {
  let sent = 0;
  try {
    const response = await ask(stored.uploadUrl ?? "", { method: "HEAD", headers: TUS });
    sent = Number(response.headers.get("Upload-Offset"));
  } catch (error) {
    if (error instanceof Refused && [403, 404, 410].includes(error.status)) {
      await defaultOptions.urlStorage.removeUpload(stored.urlStorageKey);
      return null;
    }
  }
  if (sent === stored.size) {
    await defaultOptions.urlStorage.removeUpload(stored.urlStorageKey);
    return null;
  }
  return {
    id: stored.urlStorageKey,
    name: stored.metadata["filename"] ?? "A video",
    size: stored.size ?? 0,
    sent,
    speed: null,
    state: "missing",
    url: stored.uploadUrl ?? undefined,
  };
}

/** Ends an unfinished upload here and on the server. */
export async function forget(upload: Upload): Promise<void> {
  await defaultOptions.urlStorage.removeUpload(upload.id);
  if (upload.url) await ask(upload.url, { method: "DELETE", headers: TUS }).catch(() => undefined);
}
