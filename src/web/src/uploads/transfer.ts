// The transfer of one file to the server by the tus protocol. It can be resumed after any interruption.
import { type DetailedError, type HttpResponse, Upload as Tus } from "tus-js-client";
import { expire, session } from "../account/session";
import { isFromProxy, reachable } from "../api/connection";
import { refusal } from "../api/http";
import type { Options } from "../api/jobs";
import { SpeedMeter } from "../speed";
import type { Upload } from "./queue";
import { fingerprint } from "./unfinished";

// ms. Transfers are retried for almost three hours.
const RETRY_DELAYS = [0, 500, 1000, 2000, ...Array.from({ length: 2000 }, () => 5000)];
// ms between two updates of the progress, each of which renders the page.
const UPDATE_INTERVAL = 200;

interface Listener {
  onChange: (part: Partial<Upload>) => void;
  /** The transfer resumes an unfinished upload, which was shown with this id. */
  onResume: (id: string) => void;
  onSuccess: () => void;
  onStop: () => void;
}

/** Thrown for responses after which tus-js-client must not create a new upload. */
class Interrupted extends Error {}

let transferCount = 0;

export class Transfer {
  readonly id = `upload-${(transferCount += 1)}`;
  /** The same for the same file of the same user. */
  readonly key: string;
  private readonly meter = new SpeedMeter();
  private readonly tus: Tus;
  private started = false;
  private paused = false;
  private lastUpdate = 0;

  constructor(
    file: File,
    email: string,
    options: Options,
    private readonly listener: Listener,
  ) {
    this.key = fingerprint(email, file);
    this.tus = new Tus(file, {
      endpoint: "/files",
      metadata: { filename: file.name, filetype: file.type, ...options },
      fingerprint: () => Promise.resolve(this.key),
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
      onSuccess: () => this.listener.onSuccess(),
    });
  }

  start(): void {
    this.meter.reset();
    this.paused = false;
    if (this.started) {
      this.tus.start();
      return;
    }
    this.started = true;
    void this.tus.findPreviousUploads().then((found) => {
      const last = found.at(-1);
      if (last) {
        this.listener.onResume(last.urlStorageKey);
        this.tus.resumeFromPreviousUpload(last);
      }
      if (!this.paused) this.tus.start();
    });
  }

  pause(): void {
    this.paused = true;
    void this.tus.abort();
  }

  /** Deletes the upload in the browser and on the server. */
  async cancel(): Promise<void> {
    this.paused = true;
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
    const retry = status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
    if (retry) {
      if (status === 0 && !(error.causingError instanceof Interrupted)) reachable.set(false);
      this.meter.reset();
      this.listener.onChange({ state: "reconnecting", speed: null });
    }
    return retry;
  }

  private onError(error: Error | DetailedError): void {
    if (!session.get()) {
      this.listener.onChange({ state: "signed-out", speed: null });
    } else {
      const response: HttpResponse | null = "originalResponse" in error ? error.originalResponse : null;
      const message = response
        ? refusal(response.getBody(), response.getStatus()).message
        : "The file could not be read. It may have been moved or changed. Choose it again.";
      this.listener.onChange({ state: "failed", speed: null, error: message });
    }
    this.listener.onStop();
  }
}
