// The pages of administrators, with the links between them.
import { Anchor, Button, Group, Stack, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { Link, Outlet, useLocation } from "react-router";
import { session } from "../account/session";
import { NotFoundPage } from "../shell/NotFoundPage";
import { useStore } from "../store";
import { useTitle } from "../title";

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
  useTitle("Administration");
  return (
    <Stack gap="md">
      <Anchor component={Link} to="/" size="sm" className="touch">
        <IconArrowLeft size={14} aria-hidden /> All your MP3s
      </Anchor>
      <Title order={1} size="h3">
        Administration
      </Title>
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
    </Stack>
  );
}
