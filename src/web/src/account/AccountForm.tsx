// The form for signing in and for registering.
import { Anchor, Button, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import { accountQuery } from "../api/accounts";
import { client } from "../api/queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { Introduction } from "./Introduction";
import { SingleSignOn, SingleSignOnAlert } from "./SingleSignOn";
import { PasswordField } from "./PasswordField";
import { signIn } from "./session";

interface Props {
  title: string;
  button: string;
  newPassword: boolean;
  notice?: ReactNode;
  /** Below the button: other ways to sign in, or what to do without the password. */
  help?: (arrival: Arrival) => ReactNode;
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

export function AccountForm({ title, button, newPassword, notice, help, other, submit }: Props) {
  const navigate = useNavigate();
  const arrival = useArrival();
  const [email, setEmail] = useState(arrival.email ?? "");
  const attempt = useMutation({
    mutationFn: (password: string) => submit(email.trim(), password),
    onSuccess: async (token) => {
      client.clear();
      signIn(token);
      // So that the first page is the right one for an account whose address is not confirmed.
      await client.prefetchQuery({ ...accountQuery, retry: false });
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
          <PasswordField fresh={newPassword} autoFocus={!!arrival.email} size="md" />
          <ErrorAlert error={attempt.error} />
          <Button type="submit" size="md" loading={attempt.isPending}>
            {button}
          </Button>
          {help?.({ ...arrival, email })}
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
