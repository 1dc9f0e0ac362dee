// Requests to the gateway: with the token, with a deadline, with its errors as exceptions.
import { expire, session } from "../account/session";
import { isFromProxy, reachable } from "./connection";

// ms. Longer than the gateway itself waits for what it depends on.
const DEADLINE = 30_000;

/** The server refused; the message is its own sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** No answer: the network or the server is down. */
export class Unreachable extends Error {
  constructor() {
    super("The server can't be reached. Check your connection; this page keeps trying.");
  }
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const token = session.get()?.token;
  const headers = new Headers(init.headers);
  if (token && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${token}`);
  headers.set("Accept", headers.get("Accept") ?? "application/json");
  let response: Response;
  try {
    // Without credentials of its own the browser asks for no password when Basic authentication fails.
    response = await fetch(path, { signal: AbortSignal.timeout(DEADLINE), credentials: "omit", ...init, headers });
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
  throw new Refused(response.status, await reason(response));
}

export async function askJson<Answer>(path: string, init?: RequestInit): Promise<Answer> {
  return (await (await ask(path, init)).json()) as Answer;
}

async function reason(response: Response): Promise<string> {
  return reasonIn(await response.text().catch(() => ""), response.status);
}

/** The sentence of an error's body. */
export function reasonIn(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed && "error" in parsed) return String(parsed.error);
  } catch {
    // A proxy's answer, not the gateway's.
  }
  return status >= 500
    ? "The server cannot answer right now. Try again in a moment."
    : `The server refused the request (${status}).`;
}
