// Creates an account and signs in.
import { login, register } from "../api/accounts";
import { Refused } from "../api/http";
import { useTitle } from "../title";
import { AccountForm } from "./AccountForm";

// The server answers the same for an address that has an account.
const TAKEN =
  "An email was sent to this address. If you have an account already, sign in with its password, or choose a new password.";

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
        try {
          return await login(email, password);
        } catch (error) {
          throw error instanceof Refused && error.status === 401 ? new Error(TAKEN) : error;
        }
      }}
    />
  );
}
