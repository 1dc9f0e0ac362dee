// The way back to the page above this one.
import { Anchor } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { Link } from "react-router";

export function BackLink({ to = "/", text = "All your MP3s" }: { to?: string; text?: string }) {
  return (
    <Anchor component={Link} to={to} size="sm" className="touch">
      <IconArrowLeft size={14} aria-hidden /> {text}
    </Anchor>
  );
}
