// The state of an account.
import { Badge, Group } from "@mantine/core";
import type { AdminAccount } from "../api/schema";

export function Badges({ account }: { account: AdminAccount }) {
  return (
    <Group gap={6}>
      {account.admin && <Badge variant="default" className="badge">Administrator</Badge>}
      {account.disabled && <Badge variant="default" className="badge">Disabled</Badge>}
      {!account.verified && <Badge variant="default" className="badge">Not confirmed</Badge>}
    </Group>
  );
}
