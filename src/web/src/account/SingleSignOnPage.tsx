// Where the server redirects after a sign-in at the provider: gets the token and shows the page that was requested.
import { Center, Loader } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { Refused } from "../api/http";
import { client } from "../api/queries";
import { exchange } from "../api/singleSignOn";
import { useTitle } from "../title";
import { signIn } from "./session";
import { recall } from "./providerReturn";

export function SingleSignOnPage() {
  useTitle("Signing in");
  const navigate = useNavigate();
  const started = useRef(false);
  useEffect(() => {
    // The exchange works once, and effects may run twice during development.
    if (started.current) return;
    started.current = true;
    exchange().then(
      (token) => {
        client.clear();
        signIn(token);
        void navigate(recall(), { replace: true });
      },
      (error: unknown) => {
        const code = error instanceof Refused ? error.code : "unavailable";
        void navigate(`/app/sign-in?sso=${code}`, { replace: true, state: { from: recall() } });
      },
    );
  }, [navigate]);
  return (
    <Center mt={120}>
      <Loader aria-label="Signing in" />
    </Center>
  );
}
