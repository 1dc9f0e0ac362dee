// The button that has an email sent. It cannot be pressed for a while after it was.
import { Button, type ButtonProps } from "@mantine/core";
import { IconMail } from "@tabler/icons-react";
import type { MouseEventHandler } from "react";
import { duration } from "../format";

interface Props extends ButtonProps {
  text: string;
  /** Seconds until it can be pressed. */
  left: number;
  type?: "submit";
  onClick?: MouseEventHandler;
}

export function SendButton({ text, left, ...props }: Props) {
  return (
    // Unlike a disabled button, it keeps the focus.
    <Button leftSection={<IconMail size={16} />} data-disabled={left > 0 || undefined} aria-disabled={left > 0} {...props}>
      {left > 0 ? `Send again in ${duration(left)}` : text}
    </Button>
  );
}
