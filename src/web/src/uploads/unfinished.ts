// Uploads that an earlier visit left unfinished. The browser keeps their addresses, but not their files.
import { defaultOptions, type PreviousUpload } from "tus-js-client";
import { ask, Refused } from "../api/http";
import type { Upload } from "./upload";

const TUS = { "Tus-Resumable": "1.0.0" };
const { urlStorage } = defaultOptions;

/** The same for the same file of the same user. */
export const fingerprint = (email: string, file: File): string =>
  [email, file.name, file.size, file.lastModified].map((part) => encodeURIComponent(part)).join("|");

/** The unfinished uploads of a user, with the number of bytes that the server has. */
export async function unfinishedUploads(email: string): Promise<Upload[]> {
  const stored = await urlStorage.findAllUploads();
  const own = stored.filter((upload) => upload.urlStorageKey.startsWith(`tus::${encodeURIComponent(email)}|`));
  const found = await Promise.all(own.map(load));
  return found.filter((upload) => upload !== null);
}

/** Returns null, and removes the address, if the upload is complete or no longer on the server. */
async function load(stored: PreviousUpload): Promise<Upload | null> {
  let sent = 0;
  try {
    const response = await ask(stored.uploadUrl ?? "", { method: "HEAD", headers: TUS });
    sent = Number(response.headers.get("Upload-Offset"));
  } catch (error) {
    // Without a response the upload is shown, and can be resumed later.
    if (error instanceof Refused && [403, 404, 410].includes(error.status)) {
      await urlStorage.removeUpload(stored.urlStorageKey);
      return null;
    }
  }
  if (sent === stored.size) {
    await urlStorage.removeUpload(stored.urlStorageKey);
    return null;
  }
  return {
    id: stored.urlStorageKey,
    name: stored.metadata["filename"] ?? "Video",
    size: stored.size ?? 0,
    soundOf: Number(stored.metadata["original_size"]) || undefined,
    sent,
    speed: null,
    state: "interrupted",
    url: stored.uploadUrl ?? undefined,
  };
}

/** Deletes an unfinished upload in the browser and on the server. */
export async function deleteUnfinished(upload: Upload): Promise<void> {
  await urlStorage.removeUpload(upload.id);
  // The server deletes uploads that it is not asked to delete when they expire.
  if (upload.url) await ask(upload.url, { method: "DELETE", headers: TUS }).catch(() => undefined);
}
