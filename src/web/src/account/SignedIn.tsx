// Redirects to the sign-in page unless the user is signed in, and returns to the requested page afterwards.
import { Navigate, Outlet, useLocation } from "react-router";
import { useLiveJobs } from "../api/live";
import { Announcer } from "../jobs/Announcer";
import { useStore } from "../store";
import { session } from "./session";

export function SignedIn() {
  const current = useStore(session);
  const place = useLocation();
  useLiveJobs();
  if (!current) return <Navigate to="/app/sign-in" replace state={{ from: place.pathname + place.search }} />;
  // The key discards all state of the previous user.
  return (
    <>
      <Outlet key={current.email} />
      <Announcer />
    </>
  );
}
