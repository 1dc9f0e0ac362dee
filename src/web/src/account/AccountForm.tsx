// The form for signing in and for registering.
import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { FormEvent, ReactNode } from "react";
import { useLocation, useNavigate } from "react-router";
import { client } from "../api/queries";
import { signIn } from "./session";

interface Props {
  title: string;
  button: string;
  newPassword: boolean;
  notice?: ReactNode;
  other: ReactNode;
  /** Returns the token. */
  submit: (email: string, password: string) => Promise<string>;
}

export function AccountForm({ title, button, newPassword, notice, other, submit }: Props) {
  const navigate = useNavigate();
  const from = (useLocation().state as { from?: string } | null)?.from ?? "/";
  const attempt = useMutation({
    mutationFn: ({ email, password }: { email: string; password: string }) => submit(email, password),
    onSuccess: (token) => {
      client.clear();
      signIn(token);
      void navigate(from, { replace: true });
    },
  });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    attempt.mutate({ email: (fields.get("email") as string).trim(), password: fields.get("password") as string });
  }

  return (
    <Paper className="card" withBorder shadow="sm" p={{ base: "md", xs: "xl" }} maw={440} mx="auto" mt={{ base: "md", xs: 60 }}>
      <Title order={1} size="h2" mb="md">
        {title}
      </Title>
      <form onSubmit={send}>
        <Stack>
          {notice}
          <TextInput label="Email" name="email" type="email" autoComplete="username" required withAsterisk={false} autoFocus size="md" />
          <PasswordInput
            label="Password"
            name="password"
            description={newPassword ? "At least 8 characters" : undefined}
            autoComplete={newPassword ? "new-password" : "current-password"}
            minLength={newPassword ? 8 : undefined}
            visibilityToggleButtonProps={{ "aria-label": "Show or hide password" }}
            required
            withAsterisk={false}
            size="md"
          />
          {attempt.isError && (
            <Alert color="red" role="alert" icon={<IconAlertCircle />}>
              {attempt.error.message}
            </Alert>
          )}
          <Button type="submit" size="md" loading={attempt.isPending}>
            {button}
          </Button>
          <Text size="sm">{other}</Text>
        </Stack>
      </form>
    </Paper>
  );
}
