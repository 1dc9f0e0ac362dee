// Has a link for a new password sent. The answer is the same whether the address has an account or not.
import { Alert, Anchor, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconMail } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { sendPasswordLink } from "../api/accounts";
import { ErrorAlert } from "../shell/ErrorAlert";
import { useTitle } from "../title";
import { useArrival } from "./AccountForm";
import { useCountdown, waitAfter } from "./resend";
import { SendButton } from "./SendButton";

export function ForgottenPasswordPage() {
  useTitle("Forgotten password");
  const arrival = useArrival();
  const [email, setEmail] = useState(arrival.email ?? "");
  const { left, wait } = useCountdown();
  const request = useMutation({
    mutationFn: sendPasswordLink,
    onSettled: (_sent, error) => wait(waitAfter(error)),
  });

  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (left === 0 && !request.isPending) request.mutate(email.trim());
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
              wait(0);
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
          <SendButton
            type="submit"
            text={request.isSuccess ? "Send the link again" : "Send the link"}
            left={left}
            size="md"
            sending={request.isPending}
          />
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
