// Redirects to the sign-in page unless the user is signed in, and returns to the requested page afterwards. An account
// whose address is not confirmed sees how to confirm it, in place of every page.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Navigate, Outlet, useLocation, useSearchParams } from "react-router";
import { accountQuery } from "../api/accounts";
import { useLiveJobs } from "../api/live";
import { Announcer } from "../jobs/Announcer";
import { useStore } from "../store";
import { ConfirmAddress } from "./ConfirmAddress";
import { CONFIRMED, showConfirmed } from "./notices";
import { session } from "./session";

// ms. The address may be confirmed in another browser, which this page cannot notice.
const CHECK_INTERVAL = 5_000;

export function SignedIn() {
  const current = useStore(session);
  const place = useLocation();
  if (!current) return <Navigate to="/app/sign-in" replace state={{ from: place.pathname + place.search }} />;
  // The key discards all state of the previous user.
  return <OwnPages key={current.email} email={current.email} />;
}

function OwnPages({ email }: { email: string }) {
  const account = useQuery({
    ...accountQuery,
    refetchInterval: ({ state }) => (state.data?.verified === false ? CHECK_INTERVAL : false),
    refetchOnWindowFocus: ({ state }) => (state.data?.verified === false ? "always" : true),
  });
  const unconfirmed = account.data?.verified === false;
  useConfirmedNotice(account.data?.verified);
  return unconfirmed ? <ConfirmAddress email={email} /> : <Workspace />;
}

function Workspace() {
  useLiveJobs();
  return (
    <>
      <Outlet />
      <Announcer />
    </>
  );
}

/** Says that the address is confirmed: after its link was used here, or somewhere else while this page waited. */
function useConfirmedNotice(verified: boolean | undefined): void {
  const [parameters, setParameters] = useSearchParams();
  const waited = useRef(false);
  const arrived = parameters.get("account") === CONFIRMED;
  useEffect(() => {
    if (verified === false) waited.current = true;
    if (!verified || !(waited.current || arrived)) return;
    waited.current = false;
    showConfirmed();
    if (arrived) setParameters({}, { replace: true });
  }, [verified, arrived, setParameters]);
}
