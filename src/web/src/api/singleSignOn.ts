// Single sign-on: the browser leaves the page for the provider, and comes back with a cookie that is exchanged here.
import { askJson } from "./http";

/** The address that leads to the provider. */
export const LOGIN = "/oidc/login";

/** Returns the token of the sign-in that this browser has completed at the provider. It can be exchanged once. */
export const exchange = async (): Promise<string> =>
  // The cookie, which no script can read, goes to this server only.
  (await askJson<{ token: string }>("/oidc/token", { method: "POST", credentials: "same-origin" })).token;
