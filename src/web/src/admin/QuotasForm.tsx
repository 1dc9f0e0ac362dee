// The quotas that only this account has.
import { Button, Group, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Section } from "../account/Section";
import { accountKey, ADMIN, type Detail, setQuotas } from "../api/admin";
import { client } from "../api/queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { FIELDS, NAMES, numbers, problem, type QuotaName, quotaText, texts } from "./quotas";

export function QuotasForm({ detail }: { detail: Detail }) {
  const { account, etag } = detail;
  const [fields, setFields] = useState(() => texts(account.quotas));
  const save = useMutation({
    mutationFn: () => setQuotas(account.id, numbers(fields), etag),
    onSuccess: (changed) => {
      client.setQueryData(accountKey(account.id), changed);
      notifications.show({ message: `The quotas of ${account.email} were saved.` });
      void client.invalidateQueries({ queryKey: ADMIN });
    },
  });
  const problems = NAMES.filter((name) => problem(name, fields[name]) !== null);

  function send(event: FormEvent) {
    event.preventDefault();
    if (problems.length === 0) save.mutate();
  }

  return (
    <Section title="Quotas">
      <Text size="sm">An empty field has the default of the server, and 0 is no limit.</Text>
      <form onSubmit={send} noValidate className="quotas">
        <Stack gap="sm">
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {NAMES.map((name) => (
              <TextInput
                key={name}
                label={label(name)}
                description={`Default: ${defaultText(detail, name)}`}
                inputMode="decimal"
                autoComplete="off"
                value={fields[name]}
                error={problem(name, fields[name])}
                onChange={({ currentTarget: { value } }) => setFields({ ...fields, [name]: value })}
              />
            ))}
          </SimpleGrid>
          <ErrorAlert title="The quotas were not saved" error={save.error} />
          <Group gap="sm">
            <Button type="submit" loading={save.isPending} disabled={problems.length > 0}>
              Save the quotas
            </Button>
            {save.isError && (
              <Button
                variant="default"
                onClick={() => void client.invalidateQueries({ queryKey: accountKey(account.id) })}
              >
                Load them again
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Section>
  );
}

function label(name: QuotaName): string {
  const { label: text, unit } = FIELDS[name];
  return unit ? `${text} (${unit})` : text;
}

function defaultText({ account }: Detail, name: QuotaName): string {
  return quotaText(name, account.default_quotas[name]);
}
