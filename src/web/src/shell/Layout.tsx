// The header of every page with the account menu, and the alert about the connection.
import { ActionIcon, Anchor, Box, Container, Group, Menu, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconLogout, IconMoon, IconSettings, IconShield, IconSun, IconUser } from "@tabler/icons-react";
import { useState } from "react";
import { Link, Outlet } from "react-router";
import { leave } from "../account/leave";
import { session } from "../account/session";
import { useStore } from "../store";
import { ConnectionAlert } from "./ConnectionAlert";

export function Layout() {
  return (
    <>
      <Anchor className="skip" href="#main" p="xs">
        Skip to content
      </Anchor>
      <Box component="header" className="card" py="xs" mb="md">
        <Container size="md">
          <Group justify="space-between" wrap="nowrap">
            <Anchor component={Link} to="/" c="inherit" underline="never" className="touch">
              <Group gap="xs" wrap="nowrap">
                <img src="/favicon.svg" alt="" width={28} height={28} />
                <Text fw={700} size="lg">
                  Video2MP3
                </Text>
              </Group>
            </Anchor>
            <Group gap="xs" wrap="nowrap">
              <ColourScheme />
              <Account />
            </Group>
          </Group>
        </Container>
      </Box>
      <Container size="md" component="main" id="main" tabIndex={-1} pb={80}>
        <ConnectionAlert />
        <Outlet />
      </Container>
    </>
  );
}

function ColourScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={dark ? "Use light colours" : "Use dark colours"}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      {dark ? <IconSun size={20} /> : <IconMoon size={20} />}
    </ActionIcon>
  );
}

function Account() {
  const user = useStore(session);
  const wide = useMediaQuery("(min-width: 36em)");
  const [leaving, setLeaving] = useState(false);
  if (!user) return null;

  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size="lg" w="auto" px="xs" loading={leaving} aria-label={`Account of ${user.email}`}>
          <IconUser size={20} />
          {wide && (
            <Text span size="sm" ml={6} maw={220} truncate>
              {user.email}
            </Text>
          )}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user.email}</Menu.Label>
        <Menu.Item component={Link} to="/app/account" leftSection={<IconSettings size={16} />}>
          Account
        </Menu.Item>
        {user.admin && (
          <Menu.Item component={Link} to="/app/admin" leftSection={<IconShield size={16} />}>
            Administration
          </Menu.Item>
        )}
        <Menu.Item
          leftSection={<IconLogout size={16} />}
          onClick={() => {
            setLeaving(true);
            void leave().finally(() => setLeaving(false));
          }}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
