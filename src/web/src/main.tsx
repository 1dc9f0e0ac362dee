// Puts the page together: the theme, the cache of what the server said, and the places one can be at.
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
import { createBrowserRouter, Navigate, RouterProvider } from "react-router";
import { RegisterPage } from "./account/RegisterPage";
import { SignInPage } from "./account/SignInPage";
import { SignedIn } from "./account/SignedIn";
import { client } from "./api/queries";
import { HomePage } from "./jobs/HomePage";
import { JobPage } from "./jobs/JobPage";
import { nonce } from "./nonce";
import { Broken } from "./shell/Broken";
import { Frame } from "./shell/Frame";
import { theme } from "./theme";

setNonce(nonce);

const router = createBrowserRouter([
  {
    element: <Frame />,
    errorElement: <Broken />,
    children: [
      {
        element: <SignedIn />,
        children: [
          { path: "/", element: <HomePage /> },
          { path: "/app/jobs/:fid", element: <JobPage /> },
        ],
      },
      { path: "/app/sign-in", element: <SignInPage /> },
      { path: "/app/register", element: <RegisterPage /> },
      { path: "*", element: <Navigate to="/" replace /> },
    ],
  },
]);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Notifications position="bottom-center" />
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
