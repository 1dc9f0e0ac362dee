// What a user sees and changes in the account. Each section is a component of its own.
import { Anchor, Stack, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { Link } from "react-router";
import { useTitle } from "../title";
import { ApiKeys } from "./ApiKeys";
import { DataExport } from "./DataExport";
import { DeleteAccount } from "./DeleteAccount";
import { Password } from "./Password";
import { Profile } from "./Profile";
import { Sessions } from "./Sessions";
import { Usage } from "./Usage";

export function AccountPage() {
  useTitle("Account");
  return (
    <Stack gap="md">
      <Anchor component={Link} to="/" size="sm" className="touch">
        <IconArrowLeft size={14} aria-hidden /> All your MP3s
      </Anchor>
      <Title order={1} size="h3">
        Account
      </Title>
      <Profile />
      <Usage />
      <Password />
      <Sessions />
      <ApiKeys />
      <DataExport />
      <DeleteAccount />
    </Stack>
  );
}
