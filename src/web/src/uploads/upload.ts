// What the page knows about an upload.
/** `failed` can be tried again; `rejected` would be rejected again. */
export type State =
  | "waiting"
  | "uploading"
  | "reconnecting"
  | "paused"
  | "signed-out"
  | "interrupted"
  | "failed"
  | "rejected"
  | "done";

export interface Upload {
  id: string;
  name: string;
  /** Bytes that are sent. */
  size: number;
  /** Bytes of the video if only its sound is sent. */
  soundOf?: number | undefined;
  /** Whether the sound of the video is being found, before anything is sent. */
  searching?: boolean;
  sent: number;
  /** Bytes per second; null while it is unknown. */
  speed: number | null;
  state: State;
  error?: string | undefined;
  /** The server's code of the error. */
  code?: string | undefined;
  /** The address of the upload on the server, once it has one. */
  url?: string | undefined;
}

/** Continues without the help of the user. */
export const isActive = ({ state }: Upload): boolean => ["uploading", "reconnecting", "waiting"].includes(state);

/** Has ended: nothing more can be done with it. */
export const isFinished = ({ state }: Upload): boolean => state === "done" || state === "rejected";

/** The id of the job that a complete upload has become. */
export const jobOf = (upload: Upload): string | undefined => upload.url?.split("/").at(-1);
