// The transfer of one file to the server by the tus protocol. It can be resumed after any interruption.
import { type DetailedError, Upload as Tus } from "tus-js-client";
import { expire, session } from "../account/session";
import { isFromProxy, reachable } from "../api/connection";
import { refusal, Unreachable } from "../api/http";
import type { Options } from "../api/jobs";
import { SpeedMeter } from "../speed";
import { fingerprint } from "./unfinished";
import type { Upload } from "./upload";

// ms. Transfers are retried for almost three hours.
const RETRY_DELAYS = [0, 500, 1000, 2000, ...Array.from({ length: 2000 }, () => 5000)];
// ms between two updates of the progress, each of which renders the page.
const UPDATE_INTERVAL = 200;
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
  private readonly tus: Tus;
  private started = false;
  private paused = false;
  private lastUpdate = 0;

  constructor(
    readonly file: File,
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
