// Changes the password, which signs out everywhere else.
import { Button, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef } from "react";
import { changePassword } from "../api/accounts";
import { useStore } from "../store";
import { ConfirmationError } from "./ConfirmationError";
import { isWrongPassword } from "./labels";
import { PasswordField } from "./PasswordField";
import { Section } from "./Section";
import { session, signIn } from "./session";

export function Password() {
  const email = useStore(session)?.email;
  const form = useRef<HTMLFormElement>(null);
  const change = useMutation({
    mutationFn: changePassword,
    onSuccess: (token) => {
      signIn(token);
      form.current?.reset();
      notifications.show({ title: "Password changed", message: "You were signed out everywhere else." });
    },
  });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    change.mutate({ current: fields.get("current") as string, new: fields.get("new") as string });
  }

  return (
    <Section title="Password">
      <Text size="sm">
        A new password signs you out everywhere else: in other browsers, on other devices, and in the command line.
        API keys keep working.
      </Text>
      <form onSubmit={send} ref={form} className="narrow">
        <Stack gap="sm">
          {/* For password managers. */}
          <input type="text" name="username" autoComplete="username" value={email ?? ""} readOnly hidden />
          <PasswordField label="Current password" name="current" error={isWrongPassword(change.error) && change.error?.message} />
          <PasswordField label="New password" name="new" fresh />
          <ConfirmationError title="The password was not changed" error={change.error} />
          <Button type="submit" loading={change.isPending} className="start">
            Change the password
          </Button>
        </Stack>
      </form>
    </Section>
  );
}
