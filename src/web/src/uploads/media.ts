// Which files can be videos or audio files, by what the browser knows about them.

// For these, browsers know no type, or that of something else (.ts is also TypeScript).
const EXTENSIONS = [
  ...["3g2", "3gp", "amv", "asf", "avi", "divx", "dv", "f4v", "flv", "m1v", "m2t", "m2ts", "m2v", "m4v", "mkv", "mod"],
  ...["mov", "mp4", "mpeg", "mpg", "mts", "mxf", "nut", "ogm", "ogv", "rm", "rmvb", "tod", "ts", "vob", "webm", "wmv"],
  ...["wtv", "aac", "ac3", "aif", "aiff", "alac", "amr", "ape", "au", "caf", "dsf", "dts", "eac3", "flac", "m4a", "m4b"],
  ...["mka", "mp2", "mp3", "mpc", "oga", "ogg", "opus", "ra", "spx", "tta", "wav", "wma", "wv"],
];

/** The `accept` attribute of a file input. */
export const ACCEPT = ["video/*", "audio/*", ...EXTENSIONS.map((extension) => `.${extension}`)].join(",");

/** A file of unknown type counts as media: the server looks at its content. */
export function isMedia({ name, type }: Pick<File, "name" | "type">): boolean {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return /^(video|audio)\//.test(type) || EXTENSIONS.includes(extension) || type === "";
}

// More names would hide the page.
const MOST_NAMES = 3;

/** Why files were not added; empty if there are none. */
export function refusalText(files: Pick<File, "name">[]): string {
  const [first] = files;
  if (!first) return "";
  if (files.length === 1) return `${first.name} was not added: it is not a video or audio file.`;
  const named = files.slice(0, MOST_NAMES).map((file) => file.name);
  const more = files.length - named.length;
  const list = new Intl.ListFormat("en").format(more ? [...named, `${more} more`] : named);
  return `${files.length} files were not added, because they are not video or audio files: ${list}.`;
}
