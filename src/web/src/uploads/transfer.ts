// The transfer of one file to the server by the tus protocol. It can be resumed after any interruption.
import { type DetailedError, Upload as Tus, type UploadOptions } from "tus-js-client";
import { expire, session } from "../account/session";
import { isFromProxy, reachable } from "../api/connection";
import { refusal, Unreachable } from "../api/http";
import type { Options } from "../api/jobs";
import { SpeedMeter } from "../speed";
import { type Sound, soundOf, VERSION } from "./soundOnly/sound";
import { fingerprint } from "./unfinished";
import type { Upload } from "./upload";

// ms. Transfers are retried for almost three hours.
const RETRY_DELAYS = [0, 500, 1000, 2000, ...Array.from({ length: 2000 }, () => 5000)];
// ms between two updates of the progress, each of which renders the page.
const UPDATE_INTERVAL = 200;
// Bytes of a request with sound, which is in memory until it is sent.
const PART = 16 << 20;
// The statuses below 500 after which the same request can succeed. After 404 and 410, the file is sent from its beginning.
const REPEATABLE = [408, 409, 423, 429];
const STARTS_AGAIN = [404, 410];
const UNREADABLE = "The file could not be read. It may have been moved or changed. Choose it again.";

interface Listener {
  onChange: (part: Partial<Upload>) => void;
  /** The transfer resumes an unfinished upload, which was shown with this id. */
  onResume: (id: string) => void;
  onSuccess: () => void;
  onStop: () => void;
}

/** Thrown for responses after which tus-js-client must not create a new upload. */
class Interrupted extends Error {}

/** Waiting does not help soon: a quota ends with the day, or when jobs are deleted. */
const isOverQuota = ({ originalResponse: response }: DetailedError): boolean =>
  !!response && refusal(response.getBody(), response.getStatus()).code.startsWith("quota_");

let transferCount = 0;

export class Transfer {
  readonly id = `upload-${(transferCount += 1)}`;
  /** The same for the same file of the same user. */
  readonly key: string;
  private readonly meter = new SpeedMeter();
  private tus: Tus;
  private sound: Sound | null = null;
  private started = false;
  /** Whether it is known what is sent, and what the server has of it. */
  private ready = false;
  /** Ends the reading of the sound. */
  private readonly reading = new AbortController();
  private paused = false;
  private lastUpdate = 0;

  constructor(
    readonly file: File,
    email: string,
    private readonly options: Options,
    private readonly listener: Listener,
    /** Whether the pictures are sent in any case. */
    private readonly whole: boolean,
  ) {
    this.key = fingerprint(email, file);
    this.tus = this.upload();
  }

  /** An upload of the sound, or else of the file. */
  private upload(): Tus {
    const { file, sound } = this;
    const key = sound ? `${this.key}|sound|${VERSION}|${sound.size}` : this.key;
    const source: Partial<UploadOptions> = sound
      ? {
          chunkSize: PART,
          fileReader: {
            openFile: () =>
              Promise.resolve({
                size: sound.size,
                slice: async (start, end) => {
                  // tus-js-client asks for the size of what it sends.
                  const value = new Blob([await sound.slice(start, Math.min(end, sound.size))]);
                  return { value, done: end >= sound.size };
                },
                close: () => undefined,
              }),
          },
        }
      : {};
    return new Tus(file, {
      ...source,
      endpoint: "/files",
      metadata: { filename: file.name, filetype: file.type, ...this.options, ...sound?.metadata },
      fingerprint: () => Promise.resolve(key),
      retryDelays: RETRY_DELAYS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        request.setHeader("Authorization", `Bearer ${session.get()?.token ?? ""}`);
      },
      onAfterResponse: (request, response) => {
        const status = response.getStatus();
        reachable.set(!isFromProxy(status));
        if (status === 401) expire(session.get()?.token);
        // tus-js-client treats them as "upload not found" and would send the file from the beginning.
        if (status === 401 || (request.getMethod() === "HEAD" && (status === 429 || status >= 500))) {
          throw new Interrupted();
        }
      },
      onShouldRetry: (error) => this.shouldRetry(error),
      onUploadUrlAvailable: () => this.listener.onChange({ url: this.tus.url ?? undefined }),
      onProgress: (sent) => this.onProgress(sent),
      onError: (error) => this.onError(error),
      onSuccess: () => {
        this.reading.abort();
        this.listener.onSuccess();
      },
    });
  }

  start(): void {
    this.meter.reset();
    this.paused = false;
    if (this.started) {
      if (this.ready) this.tus.start();
      return;
    }
    this.started = true;
    void this.begin();
  }

  private async begin(): Promise<void> {
    if (!this.whole && this.options.cover !== "frame") {
      this.listener.onChange({ searching: true });
      this.sound = await soundOf(this.file, this.reading.signal);
      if (this.reading.signal.aborted) return;
      this.listener.onChange({ searching: false });
    }
    if (this.sound) {
      this.tus = this.upload();
      this.listener.onChange({ size: this.sound.size, soundOf: this.file.size });
    }
    const last = (await this.tus.findPreviousUploads()).at(-1);
    if (last) {
      this.listener.onResume(last.urlStorageKey);
      this.tus.resumeFromPreviousUpload(last);
    }
    this.ready = true;
    if (!this.paused) this.tus.start();
  }

  pause(): void {
    this.paused = true;
    void this.tus.abort();
  }

  /** As `pause`, but the file is not read any more: the upload cannot be resumed. */
  discard(): void {
    this.reading.abort();
    this.pause();
  }

  /** Deletes the upload in the browser and on the server. */
  async cancel(): Promise<void> {
    this.paused = true;
    this.reading.abort();
    // If the server can't be reached, it deletes the upload when it expires.
    await this.tus.abort(true).catch(() => undefined);
  }

  private onProgress(sent: number): void {
    const now = performance.now();
    if (now - this.lastUpdate < UPDATE_INTERVAL) return;
    this.lastUpdate = now;
    this.meter.add(sent, now);
    this.listener.onChange({ sent, speed: this.meter.perSecond(), state: "uploading" });
  }

  private shouldRetry(error: DetailedError): boolean {
    if (!session.get()) return false;
    const status = error.originalResponse?.getStatus() ?? 0;
    const retry = status === 0 || status >= 500 || (REPEATABLE.includes(status) && !isOverQuota(error));
    if (retry) {
      if (status === 0 && !(error.causingError instanceof Interrupted)) {
        reachable.set(false);
        void this.checkFile();
      }
      this.meter.reset();
      this.listener.onChange({ state: "reconnecting", speed: null });
    }
    return retry;
  }

  /** Stops if the request failed because of the file, which looks like a lost connection. */
  private async checkFile(): Promise<void> {
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      await this.tus.abort();
      this.stop({ state: "rejected", error: UNREADABLE });
    }
  }

  private onError(error: Error | DetailedError): void {
    if (!session.get()) {
      this.stop({ state: "signed-out" });
    } else if (!("originalResponse" in error)) {
      // There was no request.
      this.stop({ state: "rejected", error: UNREADABLE });
    } else if (!error.originalResponse) {
      this.stop({ state: "failed", error: new Unreachable().message });
    } else {
      const status = error.originalResponse.getStatus();
      const { code, message } = refusal(error.originalResponse.getBody(), status);
      const again = status >= 500 || REPEATABLE.includes(status) || STARTS_AGAIN.includes(status);
      this.stop({ state: again ? "failed" : "rejected", error: message, code });
    }
  }

  private stop(part: Partial<Upload>): void {
    this.listener.onChange({ speed: null, ...part });
    this.listener.onStop();
  }
}
