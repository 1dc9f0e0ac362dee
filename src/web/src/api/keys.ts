// The routes of the API for API keys.
import { ask, askJson } from "./http";
import type { ApiKey } from "./schema";

export type Scope = ApiKey["scope"];

export interface NewKey {
  name: string;
  scope: Scope;
  expires_in_days: number | null;
}

/** With the secret, which only this response has. */
export type CreatedKey = ApiKey & { key: string };

export const KEYS = ["account", "keys"] as const;

export const keysQuery = {
  queryKey: KEYS,
  queryFn: async () => (await askJson<{ keys: ApiKey[] }>("/account/keys")).keys,
};

export const createKey = (key: NewKey): Promise<CreatedKey> =>
  askJson<CreatedKey>("/account/keys", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(key),
  });

export const revokeKey = (id: string): Promise<Response> =>
  ask(`/account/keys/${encodeURIComponent(id)}`, { method: "DELETE" });
