// Deletes the account, after its address and password were typed.
import { Button, Group, List, Modal, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { deleteAccount } from "../api/accounts";
import { useStore } from "../store";
import { ConfirmationError } from "./ConfirmationError";
import { isSameAddress, isWrongPassword } from "./labels";
import { leave } from "./leave";
import { PasswordField } from "./PasswordField";
import { Section } from "./Section";
import { session } from "./session";

export function DeleteAccount() {
  const [open, setOpen] = useState(false);
  return (
    <Section title="Delete the account">
      <Text size="sm">Deletes the account and everything that is stored for it. This can&apos;t be undone.</Text>
      <Button variant="outline" color="red" onClick={() => setOpen(true)}>
        Delete the account…
      </Button>
      {open && <Confirmation onClose={() => setOpen(false)} />}
    </Section>
  );
}

function Confirmation({ onClose }: { onClose: () => void }) {
  const email = useStore(session)?.email ?? "";
  const [typed, setTyped] = useState("");
  const deletion = useMutation({
    mutationFn: (password: string) => leave(() => deleteAccount(password)),
    onSuccess: () =>
      notifications.show({
        autoClose: false,
        title: "Your account was deleted",
        message: "What is left of your files is deleted within a day.",
      }),
  });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    deletion.mutate(new FormData(event.currentTarget).get("password") as string);
  }

  return (
    <Modal opened onClose={onClose} title="Delete the account?" closeButtonProps={{ "aria-label": "Close" }}>
      <form onSubmit={send}>
        <Stack gap="sm">
          <Text size="sm">This deletes, and nobody can restore it:</Text>
          <List size="sm" spacing={4}>
            <List.Item>your account, in all browsers and programs</List.Item>
            <List.Item>all videos, MP3s, transcripts and summaries; the links to them stop working</List.Item>
            <List.Item>uploads and conversions that have not ended</List.Item>
          </List>
          <Text size="sm">
            Everything disappears at once, and the files are deleted within a day. Backups of the server keep them until
            they expire.
          </Text>
          <TextInput
            label="Your email address, to confirm"
            type="email"
            autoComplete="off"
            required
            withAsterisk={false}
            data-autofocus
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <PasswordField error={isWrongPassword(deletion.error) && deletion.error?.message} />
          <ConfirmationError title="The account was not deleted" error={deletion.error} />
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red" loading={deletion.isPending} disabled={!isSameAddress(typed, email)}>
              Delete the account
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
