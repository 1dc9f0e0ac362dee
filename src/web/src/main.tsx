// The entry point: the theme, the query cache and the routes.
import "@mantine/core/styles.css";
import "@mantine/dropzone/styles.css";
import "@mantine/notifications/styles.css";
import "./page.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Navigate, RouterProvider, useLocation } from "react-router";
import { AccountPage } from "./account/AccountPage";
import { ForgottenPasswordPage } from "./account/ForgottenPasswordPage";
import { RegisterPage } from "./account/RegisterPage";
import { SignInPage } from "./account/SignInPage";
import { SignedIn } from "./account/SignedIn";
import { SingleSignOnPage } from "./account/SingleSignOnPage";
import { AccountDetail } from "./admin/AccountDetail";
import { Accounts } from "./admin/Accounts";
import { AdminPage } from "./admin/AdminPage";
import { AuditLog } from "./admin/AuditLog";
import { Status } from "./admin/Status";
import { client } from "./api/queries";
import { HomePage } from "./jobs/HomePage";
import { JobPage } from "./jobs/JobPage";
import { nonce } from "./nonce";
import { registerServiceWorker } from "./serviceWorker";
import { ErrorPage } from "./shell/ErrorPage";
import { Layout } from "./shell/Layout";
import { NotFoundPage } from "./shell/NotFoundPage";
import { theme } from "./theme";

setNonce(nonce);
registerServiceWorker();

/** Keeps the query, which has the code of a link that was not accepted. */
function Home() {
  return <Navigate to={{ pathname: "/", search: useLocation().search }} replace />;
}

const router = createBrowserRouter([
  {
    element: <Layout />,
    errorElement: <ErrorPage />,
    children: [
      {
        element: <SignedIn />,
        children: [
          { path: "/", element: <HomePage /> },
          { path: "/app/jobs/:fid", element: <JobPage /> },
          { path: "/app/account", element: <AccountPage /> },
          {
            path: "/app/admin",
            element: <AdminPage />,
            children: [
              { index: true, element: <Accounts /> },
              { path: "accounts/:account", element: <AccountDetail /> },
              { path: "status", element: <Status /> },
              { path: "audit", element: <AuditLog /> },
            ],
          },
        ],
      },
      { path: "/app/sign-in", element: <SignInPage /> },
      { path: "/app/register", element: <RegisterPage /> },
      { path: "/app/single-sign-on", element: <SingleSignOnPage /> },
      { path: "/app/forgotten-password", element: <ForgottenPasswordPage /> },
      { path: "/app", element: <Home /> },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Notifications position="bottom-center" />
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
