// Signed addresses, which a browser can download from without the token.

/** The same address on the server of this page, which may be reached by another name than the public one. */
export function local(link: string, path: string): string {
  const { pathname, search } = new URL(link, location.origin);
  return pathname.slice(pathname.lastIndexOf(path)) + search;
}

/** The response is an attachment: the browser saves it and does not leave the page. */
export function startDownload(link: string): void {
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.download = "";
  anchor.click();
}
