// Shown to somebody whom a download link that the server did not accept has led here.
import { Alert } from "@mantine/core";
import { IconLinkOff } from "@tabler/icons-react";
import { useSearchParams } from "react-router";
import { linkError, type Place } from "./links";

interface Props {
  code: string;
  place: Place;
  onClose?: () => void;
}

export function LinkAlert({ code, place, onClose }: Props) {
  const { title, text } = linkError(code, place);
  return (
    <Alert
      color="yellow"
      role="alert"
      icon={<IconLinkOff />}
      title={title}
      withCloseButton={!!onClose}
      closeButtonLabel="Close this message"
      data-link-error={code}
      {...(onClose && { onClose })}
    >
      {text}
    </Alert>
  );
}

/** The alert for the code in the address of this page, if it has one. */
export function AddressLinkAlert({ place }: { place: Place }) {
  const [parameters, setParameters] = useSearchParams();
  const code = parameters.get("link");
  return code && <LinkAlert code={code} place={place} onClose={() => setParameters({}, { replace: true })} />;
}
