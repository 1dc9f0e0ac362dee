// Creates an account and signs in.
import { Anchor } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { login, register } from "../api/accounts";
import { useTitle } from "../title";
import { AccountForm } from "./AccountForm";

export function RegisterPage() {
  useTitle("Create an account");
  const state: unknown = useLocation().state;
  return (
    <AccountForm
      title="Create an account"
      button="Create account"
      newPassword
      other={
        <>
          Already have an account?{" "}
          <Anchor component={Link} to="/app/sign-in" state={state} underline="always">
            Sign in
          </Anchor>
        </>
      }
      submit={async (email, password) => {
        await register(email, password);
        return login(email, password);
      }}
    />
  );
}
