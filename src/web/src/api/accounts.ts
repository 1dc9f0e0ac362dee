// The routes of the API for registering and signing in.
import { ask } from "./http";

export async function register(email: string, password: string): Promise<void> {
  await ask("/register", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
}

/** Returns the token. */
export async function login(email: string, password: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${email}:${password}`);
  const credentials = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const response = await ask("/login", {
    method: "POST",
    headers: { Authorization: `Basic ${credentials}`, Accept: "text/plain" },
  });
  return (await response.text()).trim();
}
