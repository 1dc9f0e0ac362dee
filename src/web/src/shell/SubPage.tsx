// A page below the list of MP3s, with a title and the way back.
import { Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTitle } from "../title";
import { BackLink } from "./BackLink";

export function SubPage({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title);
  return (
    <Stack gap="md">
      <BackLink />
      <Title order={1} size="h3">
        {title}
      </Title>
      {children}
    </Stack>
  );
}
