// Creates an API key, and shows it once.
import { Button, CopyButton, Group, Modal, NativeSelect, Radio, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { createKey, type CreatedKey, KEYS, type Scope } from "../api/keys";
import { client } from "../api/queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { daysOf, EXPIRIES, SCOPES } from "./keyLabels";

export function NewApiKey({ onClose }: { onClose: () => void }) {
  const creation = useMutation({
    mutationFn: createKey,
    // The key is in no cache, and is forgotten with this dialog.
    gcTime: 0,
    onSettled: () => client.invalidateQueries({ queryKey: KEYS }),
  });
  const created = creation.data;

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    creation.mutate({
      name: fields.get("name") as string,
      scope: fields.get("scope") as Scope,
      expires_in_days: daysOf(fields.get("expiry") as string),
    });
  }

  return (
    <Modal
      opened
      onClose={onClose}
      title={created ? "Copy the API key now" : "Create an API key"}
      closeButtonProps={{ "aria-label": "Close" }}
      // A click beside the dialog must not lose the key, or what was entered.
      closeOnClickOutside={false}
      closeOnEscape={!created}
    >
      {created ? (
        <Shown created={created} onClose={onClose} />
      ) : (
        <form onSubmit={send}>
          <Stack gap="sm">
            <TextInput
              label="Name"
              description="Where you use the key, to recognize it later"
              name="name"
              maxLength={100}
              autoComplete="off"
              required
              withAsterisk={false}
              data-autofocus
            />
            <Radio.Group label="What it may do" name="scope" defaultValue="read">
              <Stack gap="xs" mt="xs">
                {SCOPES.map((scope) => (
                  <Radio key={scope.value} {...scope} />
                ))}
              </Stack>
            </Radio.Group>
            <NativeSelect label="Expires" name="expiry" data={EXPIRIES} defaultValue="90" />
            <ErrorAlert title="The API key was not created" error={creation.error} />
            <Group justify="flex-end" gap="sm">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={creation.isPending}>
                Create
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

function Shown({ created, onClose }: { created: CreatedKey; onClose: () => void }) {
  return (
    <Stack gap="sm">
      <Text size="sm">
        This is the only time that the key <bdi>{created.name}</bdi> is shown. Store it where only the program that needs
        it can read it.
      </Text>
      <TextInput
        label="API key"
        value={created.key}
        readOnly
        autoFocus
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
        onFocus={(event) => event.currentTarget.select()}
      />
      <Group justify="flex-end" gap="sm">
        <CopyButton value={created.key}>
          {({ copied, copy }) => (
            <Button leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />} onClick={copy}>
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
        <Button variant="default" onClick={onClose}>
          Done
        </Button>
      </Group>
    </Stack>
  );
}
