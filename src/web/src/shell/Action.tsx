// What can be done with something in a list: a button, or an item of its menu.
import { Button, Menu } from "@mantine/core";
import type { ReactNode } from "react";

export interface Action {
  text: string;
  /** The accessible name of the button, with the name of the file. */
  label: string;
  icon: ReactNode;
  run: () => void;
  loading?: boolean;
  /** Whether phones show it as a button. The others are in the menu there. */
  primary?: boolean;
  filled?: boolean;
  /** The element that the action shows and hides. */
  controls?: { id: string; expanded: boolean };
}

export function ActionButton({ action }: { action: Action }) {
  return (
    <Button
      size="xs"
      variant={action.filled ? "filled" : "default"}
      leftSection={action.icon}
      loading={action.loading ?? false}
      onClick={action.run}
      aria-label={action.label}
      aria-expanded={action.controls?.expanded}
      aria-controls={action.controls?.id}
    >
      {action.text}
    </Button>
  );
}

export function ActionItem({ action }: { action: Action }) {
  return (
    <Menu.Item leftSection={action.icon} onClick={action.run} disabled={action.loading ?? false}>
      {action.text}
    </Menu.Item>
  );
}
