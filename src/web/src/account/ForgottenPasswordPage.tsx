// Has a link for a new password sent. The answer is the same whether the address has an account or not.
import { Alert, Anchor, Button, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconMail } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { sendPasswordLink } from "../api/accounts";
import { ErrorAlert } from "../shell/ErrorAlert";
import { useTitle } from "../title";
import { useArrival } from "./AccountForm";

export function ForgottenPasswordPage() {
  useTitle("Forgotten password");
  const arrival = useArrival();
  const [email, setEmail] = useState(arrival.email ?? "");
  const request = useMutation({ mutationFn: sendPasswordLink });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    request.mutate(email.trim());
  }

  return (
    <Paper className="card" withBorder shadow="sm" p={{ base: "md", xs: "xl" }} maw={440} mx="auto" mt={{ base: "md", xs: 60 }}>
      <form onSubmit={send}>
        <Stack>
          <Title order={1} size="h2">
            Forgotten password
          </Title>
          <Text size="sm">Enter the email address of your account to get a link with which you choose a new password.</Text>
          <TextInput
            label="Email"
            name="email"
            type="email"
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus
            size="md"
            value={email}
            onChange={(event) => {
              setEmail(event.currentTarget.value);
              request.reset();
            }}
          />
          <ErrorAlert title="The email was not sent" error={request.error} />
          <div role="status">
            {request.isSuccess && (
              <Alert color="teal" icon={<IconMail />} title="Check your email">
                If <bdi>{request.variables}</bdi> has an account, a link was sent to it. It works once, for 30 minutes. If the
                email does not arrive within a few minutes, look into the folder for spam.
              </Alert>
            )}
          </div>
          <Button type="submit" size="md" loading={request.isPending} disabled={request.isSuccess}>
            Send the link
          </Button>
          <Text size="sm">
            <Anchor component={Link} to="/app/sign-in" state={{ ...arrival, email }} underline="always" className="touch">
              Back to the sign-in page
            </Anchor>
          </Text>
        </Stack>
      </form>
    </Paper>
  );
}
