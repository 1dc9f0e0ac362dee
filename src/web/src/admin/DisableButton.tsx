// Disables an account after a confirmation, or enables it.
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { session } from "../account/session";
import { accountKey, ADMIN, setDisabled } from "../api/admin";
import { client } from "../api/queries";
import type { AdminAccountDetail } from "../api/schema";
import { ErrorAlert } from "../shell/ErrorAlert";
import { useStore } from "../store";

export function DisableButton({ account }: { account: AdminAccountDetail }) {
  const [open, setOpen] = useState(false);
  const email = useStore(session)?.email;
  const change = useMutation({
    mutationFn: (disabled: boolean) => setDisabled(account.id, disabled),
    onSuccess: (detail) => {
      client.setQueryData(accountKey(account.id), detail);
      setOpen(false);
    },
    // The account may have been changed by somebody else, and the audit log has a new entry.
    onSettled: () => client.invalidateQueries({ queryKey: ADMIN }),
  });

  if (account.email === email) {
    return (
      <Text size="sm" c="dimmed">
        This is your own account. Another administrator can disable it.
      </Text>
    );
  }
  if (account.disabled) {
    return (
      <Stack gap="sm">
        <Button variant="default" loading={change.isPending} onClick={() => change.mutate(false)}>
          Enable the account
        </Button>
        <ErrorAlert title="The account was not enabled" error={change.error} />
      </Stack>
    );
  }
  return (
    <>
      <Button variant="outline" color="red" onClick={() => setOpen(true)}>
        Disable the account…
      </Button>
      <Modal
        opened={open}
        onClose={() => setOpen(false)}
        title="Disable the account?"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack gap="sm">
          <Text size="sm" className="name">
            {account.email} is signed out everywhere within 10 seconds and cannot sign in. Files are kept, and download
            links keep working.
          </Text>
          <ErrorAlert title="The account was not disabled" error={change.error} />
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={() => setOpen(false)} data-autofocus>
              Cancel
            </Button>
            <Button color="red" loading={change.isPending} onClick={() => change.mutate(true)}>
              Disable the account
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
