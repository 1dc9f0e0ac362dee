// Creating an account, which signs in at once.
import { Anchor } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { login, register } from "../api/accounts";
import { useTitle } from "../title";
import { AccountForm } from "./AccountForm";

export function RegisterPage() {
  useTitle("Create an account");
  const { state } = useLocation();
  return (
    <AccountForm
      title="Create an account"
      button="Create the account"
      newPassword
      other={
        <>
          Registered already?{" "}
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
