// Texts about download links that the server did not accept. It redirects browsers to a page with the code of the error.

export type Place = "signIn" | "job" | "list";

interface LinkError {
  title: string;
  text: Record<Place, string>;
}

const EXPIRED: LinkError = {
  title: "This download link has expired or is not valid",
  text: {
    signIn: "Sign in with the account that uploaded the video. You can then download the MP3 without the link.",
    job: "You can download the MP3 here without the link.",
    list: "If the MP3 is still stored, it is in the list below.",
  },
};

const GONE = "It was deleted, its storage time has ended, or the video was converted again.";

const ERRORS: Partial<Record<string, LinkError>> = {
  invalid_link: EXPIRED,
  not_found: {
    title: "The MP3 of this link is no longer stored",
    text: {
      signIn: `${GONE} Sign in to see the MP3s that you have.`,
      job: `${GONE} If this page has an MP3, it is the current one.`,
      list: `${GONE} To get the MP3 again, upload the video again.`,
    },
  },
};

/** For a code that this page does not know, the link is not valid either. */
export function linkError(code: string, place: Place): { title: string; text: string } {
  const { title, text } = ERRORS[code] ?? EXPIRED;
  return { title, text: text[place] };
}
