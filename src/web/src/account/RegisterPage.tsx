// Creates an account and signs in.
import { login, register } from "../api/accounts";
import { useTitle } from "../title";
import { AccountForm } from "./AccountForm";

export function RegisterPage() {
  useTitle("Create an account");
  return (
    <AccountForm
      title="Create an account"
      button="Create account"
      newPassword
      other={{ question: "Already have an account?", link: "Sign in", path: "/app/sign-in" }}
      submit={async (email, password) => {
        await register(email, password);
        return login(email, password);
      }}
    />
  );
}
