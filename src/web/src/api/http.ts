// Requests to the gateway, with the token, a timeout, and errors as exceptions.
import { expire, session } from "../account/session";
import { Store } from "../store";
import { isFromProxy, reachable } from "./connection";

// ms. Longer than the gateway's own timeouts for its dependencies.
const TIMEOUT = 30_000;

/** Thrown when the server rejects a request. Branch on `code`; the message is the server's text for the user. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** s */
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

/** Thrown when there is no response: the network or the server is down. */
export class Unreachable extends Error {
  constructor() {
    super("The server can't be reached. Check your connection. This page keeps trying to reconnect.");
  }
}

/** The last rejected request. */
export const rejected = new Store<Refused | null>(null);

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const token = session.get()?.token;
  const headers = new Headers(init.headers);
  if (token && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${token}`);
  headers.set("Accept", headers.get("Accept") ?? "application/json");
  let response: Response;
  try {
    // With "omit" the browser does not show its own password dialog when Basic authentication fails.
    response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT), credentials: "omit", ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    reachable.set(false);
    throw new Unreachable();
  }
  if (isFromProxy(response.status)) {
    reachable.set(false);
    throw new Unreachable();
  }
  reachable.set(true);
  if (response.ok) return response;
  if (response.status === 401 && headers.get("Authorization")?.startsWith("Bearer ")) expire(token);
  const body = await response.text().catch(() => "");
  const error = refusal(body, response.status, Number(response.headers.get("Retry-After")) || 0);
  rejected.set(error);
  throw error;
}

export async function askJson<Body>(path: string, init?: RequestInit): Promise<Body> {
  return (await (await ask(path, init)).json()) as Body;
}

/** The error in the body of a response: the gateway's, or a general one when a proxy has answered. */
export function refusal(body: string, status: number, retryAfter = 0): Refused {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed && "error" in parsed) {
      const code = "code" in parsed ? String(parsed.code) : "failed";
      return new Refused(status, code, String(parsed.error), retryAfter);
    }
  } catch {
    // Not JSON.
  }
  const message =
    status >= 500
      ? "The server is not available right now. Try again in a moment."
      : `The server rejected the request (${status}).`;
  return new Refused(status, "failed", message, retryAfter);
}
