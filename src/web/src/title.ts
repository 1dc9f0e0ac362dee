// The document's title, which a screen reader says first when the place changes.
import { useDocumentTitle } from "@mantine/hooks";

export const useTitle = (title: string): void => useDocumentTitle(`${title} · Video2MP3`);
