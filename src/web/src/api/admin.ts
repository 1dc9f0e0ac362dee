// The routes of the API for administrators.
import { ask, askJson } from "./http";
import type { AdminAccountDetail, AdminAccountPage, AuditPage, SystemStatus } from "./schema";

export const ADMIN = ["admin"] as const;
export const accountKey = (id: string) => [...ADMIN, "account", id] as const;

export type Quotas = AdminAccountDetail["quotas"];

/** An account, and the version of its quotas. */
export interface Detail {
  account: AdminAccountDetail;
  etag: string;
}

const accountPath = (id: string): string => `/admin/accounts/${encodeURIComponent(id)}`;

export const firstAccounts = (query: string): string => `/admin/accounts?${new URLSearchParams({ query, limit: "25" })}`;

export const listAccounts = (page: string, signal: AbortSignal): Promise<AdminAccountPage> =>
  askJson<AdminAccountPage>(page, { signal });

export const firstActs = (account?: string): string =>
  `/admin/audit?${new URLSearchParams({ limit: "25", ...(account === undefined ? {} : { account }) })}`;

export const listActs = (page: string, signal: AbortSignal): Promise<AuditPage> => askJson<AuditPage>(page, { signal });

export const getStatus = (): Promise<SystemStatus> => askJson<SystemStatus>("/admin/status");

export const getAccount = (id: string): Promise<Detail> => askDetail(accountPath(id));

export const setDisabled = (id: string, disabled: boolean): Promise<Detail> =>
  askDetail(`${accountPath(id)}/${disabled ? "disable" : "enable"}`, { method: "POST" });

/** Rejected with `precondition_failed` if somebody has changed the quotas since `etag`. */
export const setQuotas = (id: string, quotas: Quotas, etag: string): Promise<Detail> =>
  askDetail(`${accountPath(id)}/quotas`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", "If-Match": etag },
    body: JSON.stringify(quotas),
  });

async function askDetail(path: string, init: RequestInit = {}): Promise<Detail> {
  const response = await ask(path, init);
  return { account: (await response.json()) as AdminAccountDetail, etag: response.headers.get("ETag") ?? "" };
}
