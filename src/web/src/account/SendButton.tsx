// The button that has an email sent. It cannot be pressed for a while after it was.
import { Button, type ButtonProps } from "@mantine/core";
import { IconMail } from "@tabler/icons-react";
import type { MouseEventHandler } from "react";
import { duration } from "../format";

interface Props extends ButtonProps {
  text: string;
  sending: boolean;
  /** Seconds until it can be pressed again. */
  left: number;
  type?: "submit";
  onClick?: MouseEventHandler;
}

/** Unlike a button that is disabled or loading, it keeps the focus. So what it calls does nothing meanwhile. */
export function SendButton({ text, sending, left, ...props }: Props) {
  const off = sending || left > 0;
  const waiting = sending ? "Sending…" : `Send again in ${duration(left)}`;
  return (
    <Button leftSection={<IconMail size={16} />} data-disabled={off || undefined} aria-disabled={off} {...props}>
      {off ? waiting : text}
    </Button>
  );
}
