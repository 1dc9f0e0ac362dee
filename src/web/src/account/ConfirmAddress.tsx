// Shown in place of every page until the address of the account is confirmed.
import { Anchor, Paper, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { sendConfirmation } from "../api/accounts";
import { ErrorAlert } from "../shell/ErrorAlert";
import { useTitle } from "../title";
import { leave } from "./leave";
import { useCountdown, waitAfter } from "./resend";
import { SendButton } from "./SendButton";

export function ConfirmAddress({ email }: { email: string }) {
  useTitle("Confirm your email address");
  const navigate = useNavigate();
  const { left, wait } = useCountdown();
  const again = useMutation({
    mutationFn: sendConfirmation,
    onSettled: (_sent, error) => wait(waitAfter(error)),
  });
  const other = useMutation({
    mutationFn: () => leave(),
    onSuccess: () => navigate("/app/register", { replace: true }),
  });
  return (
    <Paper className="card" withBorder shadow="sm" p={{ base: "md", xs: "xl" }} maw={520} mx="auto" mt={{ base: "md", xs: 60 }}>
      <Stack>
        <Title order={1} size="h2">
          Confirm your email address
        </Title>
        <Text>
          An email with a link was sent to{" "}
          <Text span fw={600} className="name" dir="auto">
            {email}
          </Text>
          . Open the link to start converting videos. This page continues by itself afterwards.
        </Text>
        <Text size="sm" c="dimmed">
          The link works for 24 hours. If the email does not arrive within a few minutes, look into the folder for spam.
        </Text>
        <ErrorAlert title="The email was not sent" error={again.error} />
        <Text size="sm" role="status" className="status">
          {again.isSuccess && "The email was sent again."}
        </Text>
        <SendButton
          text="Send the email again"
          left={left}
          sending={again.isPending}
          onClick={() => {
            if (left === 0 && !again.isPending) again.mutate();
          }}
          className="start"
        />
        <Text size="sm">
          Is this the wrong address?{" "}
          <Anchor component="button" type="button" size="sm" underline="always" onClick={() => other.mutate()}>
            Register another one
          </Anchor>
        </Text>
      </Stack>
    </Paper>
  );
}
