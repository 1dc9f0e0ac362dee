// The pages of administrators, with the links between them.
import { Button, Group } from "@mantine/core";
import { Link, Outlet, useLocation } from "react-router";
import { session } from "../account/session";
import { NotFoundPage } from "../shell/NotFoundPage";
import { SubPage } from "../shell/SubPage";
import { useStore } from "../store";

const PAGES = [
  { path: "/app/admin", text: "Accounts" },
  { path: "/app/admin/status", text: "Status" },
  { path: "/app/admin/audit", text: "Audit log" },
] as const;

/** For display only: the server decides who is an administrator. */
export function AdminPage() {
  const admin = useStore(session)?.admin ?? false;
  return admin ? <Pages /> : <NotFoundPage />;
}

function Pages() {
  const { pathname } = useLocation();
  return (
    <SubPage title="Administration">
      <Group component="nav" aria-label="Administration" gap="xs">
        {PAGES.map(({ path, text }) => {
          const current = pathname === path;
          return (
            <Button
              key={path}
              component={Link}
              to={path}
              size="xs"
              variant={current ? "filled" : "default"}
              aria-current={current ? "page" : undefined}
            >
              {text}
            </Button>
          );
        })}
      </Group>
      <Outlet />
    </SubPage>
  );
}
