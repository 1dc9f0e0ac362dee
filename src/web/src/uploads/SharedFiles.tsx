// Asks whether files that another app, or another website, has sent are to be uploaded.
import { Alert, Button, Group, Text } from "@mantine/core";
import { useStore } from "../store";
import { choice } from "./choice";
import { isValid } from "./options";
import { confirm, discard, unconfirmed } from "./queue";

export function SharedFiles() {
  const files = useStore(unconfirmed);
  const options = useStore(choice);
  const [first] = files;
  if (!first) return null;
  const single = files.length === 1;
  return (
    <Alert
      variant="light"
      role="alert"
      mb="sm"
      title={
        single ? (
          <>
            1 shared file: <bdi className="name">{first.name}</bdi>
          </>
        ) : (
          `${files.length} shared files`
        )
      }
    >
      {!single && (
        <ul className="plain">
          {files.map((file, index) => (
            <li key={index} className="name" dir="auto">
              {file.name}
            </li>
          ))}
        </ul>
      )}
      <Text size="sm">
        {single ? "It was sent by another app or website. Upload it" : "They were sent by another app or website. Upload them"}{" "}
        only if you have shared {single ? "it" : "them"} yourself.
      </Text>
      <Group gap="xs" mt="xs">
        <Button size="xs" disabled={!isValid(options)} onClick={() => void confirm(options)}>
          Upload
        </Button>
        <Button size="xs" variant="default" onClick={discard}>
          Discard
        </Button>
      </Group>
    </Alert>
  );
}
