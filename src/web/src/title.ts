// The title of the document, which screen readers announce when the page changes.
import { useDocumentTitle } from "@mantine/hooks";

export const useTitle = (title: string): void => useDocumentTitle(`${title} · Video2MP3`);
