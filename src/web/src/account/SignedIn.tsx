// Lets nobody in who is not signed in, and remembers where they wanted to be.
import { Navigate, Outlet, useLocation } from "react-router";
import { useLiveJobs } from "../api/live";
import { Announcer } from "../jobs/Announcer";
import { useStore } from "../store";
import { session } from "./session";

export function SignedIn() {
  const somebody = useStore(session);
  const place = useLocation();
  useLiveJobs();
  if (!somebody) return <Navigate to="/app/sign-in" replace state={{ from: place.pathname + place.search }} />;
  // Another person gets another page: nothing of the one before stays.
  return (
    <>
      <Outlet key={somebody.email} />
      <Announcer />
    </>
  );
}
