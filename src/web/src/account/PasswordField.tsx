// The input for the password of an account, or for a new one.
import { PasswordInput, type PasswordInputProps } from "@mantine/core";

/** `fresh` is for a password that is being chosen. */
export function PasswordField({ fresh = false, ...props }: PasswordInputProps & { fresh?: boolean }) {
  return (
    <PasswordInput
      label="Password"
      name="password"
      description={fresh ? "At least 8 characters" : undefined}
      autoComplete={fresh ? "new-password" : "current-password"}
      minLength={fresh ? 8 : undefined}
      maxLength={fresh ? 256 : undefined}
      visibilityToggleButtonProps={{ "aria-label": "Show or hide password" }}
      required
      withAsterisk={false}
      {...props}
    />
  );
}
