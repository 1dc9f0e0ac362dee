// A real OpenID provider for the tests: panva's oidc-provider, which is certified by the OpenID Foundation. Its pages
// accept any name and password; the name is the subject, and the address if it contains "@". Names that begin with
// "unconfirmed" have an address that is not confirmed.
//   node tests/servers/openid.mjs '{"port": 0, "client_id": …, "client_secret": …, "redirect_uris": […]}'
// prints its issuer when it listens. The other options are those of the library.
import { createServer } from "node:http";
import { Provider } from "../../src/web/node_modules/oidc-provider/lib/index.js";

const { port, client_id, client_secret, redirect_uris, authentication, ...options } = JSON.parse(process.argv[2]);

const findAccount = (_context, id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    ...(id.includes("@") && { email: id, email_verified: !id.startsWith("unconfirmed") }),
  }),
});

const server = createServer();
server.listen(port, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id, client_secret, redirect_uris, token_endpoint_auth_method: authentication ?? "client_secret_basic" }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    findAccount,
    cookies: { keys: ["of a test"] },
    pkce: { required: () => true },
    ...options,
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
