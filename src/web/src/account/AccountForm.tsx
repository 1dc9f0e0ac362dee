// The form for signing in and for registering.
import { Alert, Anchor, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import { client } from "../api/queries";
import { Introduction } from "./Introduction";
import { SingleSignOn, SingleSignOnAlert } from "./SingleSignOn";
import { signIn } from "./session";

interface Props {
  title: string;
  button: string;
  newPassword: boolean;
  notice?: ReactNode;
  /** The link to the other form. */
  other: { question: string; link: string; path: string };
  /** Returns the token. */
  submit: (email: string, password: string) => Promise<string>;
}

/** What the page before this one passes on. */
export interface Arrival {
  /** The page to show after signing in. */
  from?: string;
  /** The address that was typed into the other form. */
  email?: string;
}

export const useArrival = (): Arrival => (useLocation().state as Arrival | null) ?? {};

export function AccountForm({ title, button, newPassword, notice, other, submit }: Props) {
  const navigate = useNavigate();
  const arrival = useArrival();
  const [email, setEmail] = useState(arrival.email ?? "");
  const attempt = useMutation({
    mutationFn: (password: string) => submit(email.trim(), password),
    onSuccess: (token) => {
      client.clear();
      signIn(token);
      void navigate(arrival.from ?? "/", { replace: true });
    },
  });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    attempt.mutate(new FormData(event.currentTarget).get("password") as string);
  }

  return (
    <Paper className="card" withBorder shadow="sm" p={{ base: "md", xs: "xl" }} maw={440} mx="auto" mt={{ base: "md", xs: 60 }}>
      <Title order={1} size="h2" mb="xs">
        {title}
      </Title>
      <Introduction />
      <SingleSignOnAlert />
      <form onSubmit={send}>
        <Stack>
          {notice}
          <TextInput
            label="Email"
            name="email"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus={!arrival.email}
            size="md"
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            name="password"
            description={newPassword ? "At least 8 characters" : undefined}
            autoComplete={newPassword ? "new-password" : "current-password"}
            minLength={newPassword ? 8 : undefined}
            visibilityToggleButtonProps={{ "aria-label": "Show or hide password" }}
            required
            withAsterisk={false}
            autoFocus={!!arrival.email}
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
          <Text size="sm">
            {other.question}{" "}
            <Anchor component={Link} to={other.path} state={{ ...arrival, email }} underline="always" className="touch">
              {other.link}
            </Anchor>
          </Text>
        </Stack>
      </form>
      <SingleSignOn from={arrival.from} />
    </Paper>
  );
}
