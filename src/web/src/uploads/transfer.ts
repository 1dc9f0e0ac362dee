// One file on its way to the server by the tus protocol, which goes on where it was after any interruption.
import { type DetailedError, type HttpResponse, Upload as Tus } from "tus-js-client";
import { expire, session } from "../account/session";
import { isFromProxy, reachable } from "../api/connection";
import { reasonIn } from "../api/http";
import { type Options } from "../api/jobs";
import { fingerprint } from "./earlier";
import { Pace } from "./pace";
import { type Upload } from "./queue";

// ms. A network that comes back within hours finds the upload still trying.
const DELAYS = [0, 500, 1000, 2000, ...Array.from({ length: 2000 }, () => 5000)];
// ms between two looks at the progress: a person sees no more, and each one draws the page.
const TICK = 200;

interface Listener {
  changed(part: Partial<Upload>): void;
  /** An earlier part of the same file goes on; it was shown under this id. */
  resumed(id: string): void;
  done(): void;
  stopped(): void;
}

/** Thrown for answers after which a new upload must not begin. */
class Interrupted extends Error {}

let numbers = 0;

export class Transfer {
  readonly id = `upload-${(numbers += 1)}`;
  /** The same for the same file of the same person. */
  readonly key: string;
  private readonly pace = new Pace();
  private readonly tus: Tus;
  private begun = false;
  private paused = false;
  private ticked = 0;

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
      retryDelays: DELAYS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        request.setHeader("Authorization", `Bearer ${session.get()?.token ?? ""}`);
      },
      onAfterResponse: (request, response) => {
        const status = response.getStatus();
        reachable.set(!isFromProxy(status));
        if (status === 401) expire(session.get()?.token);
        // The client would take them for "there is no such upload" and begin again from the first byte.
        if (status === 401 || (request.getMethod() === "HEAD" && (status === 429 || status >= 500))) throw new Interrupted();
      },
      onShouldRetry: (error) => this.retries(error),
      onUploadUrlAvailable: () => this.listener.changed({ url: this.tus.url ?? undefined }),
      onProgress: (sent) => this.progress(sent),
      onError: (error) => this.failed(error),
      onSuccess: () => this.listener.done(),
    });
  }

  start(): void {
    this.pace.reset();
    this.paused = false;
    if (this.begun) {
      this.tus.start();
      return;
    }
    this.begun = true;
    void this.tus.findPreviousUploads().then((found) => {
      const last = found.at(-1);
      if (last) {
        this.listener.resumed(last.urlStorageKey);
        this.tus.resumeFromPreviousUpload(last);
      }
      if (!this.paused) this.tus.start();
    });
  }

  pause(): void {
    this.paused = true;
    void this.tus.abort();
  }

  /** Ends it here and on the server. */
  async cancel(): Promise<void> {
    this.paused = true;
    // What cannot be said to the server now it finds out itself: unfinished uploads expire.
    await this.tus.abort(true).catch(() => undefined);
  }

  private progress(sent: number): void {
    const now = performance.now();
    if (now - this.ticked < TICK) return;
    this.ticked = now;
    this.pace.add(sent, now);
    this.listener.changed({ sent, speed: this.pace.perSecond(), state: "uploading" });
  }

  private retries(error: DetailedError): boolean {
    if (!session.get()) return false;
    const status = error.originalResponse?.getStatus() ?? 0;
    const again = status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
    if (again) {
      if (status === 0 && !(error.causingError instanceof Interrupted)) reachable.set(false);
      this.pace.reset();
      this.listener.changed({ state: "reconnecting", speed: null });
    }
    return again;
  }

  private failed(error: Error | DetailedError): void {
    if (!session.get()) {
      this.listener.changed({ state: "signin", speed: null });
    } else {
      const response: HttpResponse | null = "originalResponse" in error ? error.originalResponse : null;
      const reason = response ? reasonIn(response.getBody(), response.getStatus()) : "The file could not be read or sent.";
      this.listener.changed({ state: "failed", speed: null, error: reason });
    }
    this.listener.stopped();
  }
}
