// Shows the error of an action that has no place of its own on the page.
import { notifications } from "@mantine/notifications";

export const showError = (title: string) => (error: Error) =>
  notifications.show({ color: "red", title, message: error.message });
