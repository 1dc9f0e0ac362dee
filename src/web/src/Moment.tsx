// A date in the browser's language.
import { ago, dateLanguage, exact } from "./format";

interface Props {
  at: string;
  /** The current time: the text is relative to it, and the tooltip has the exact date. */
  now?: number;
}

export function Moment({ at, now }: Props) {
  return (
    <time dateTime={at} lang={dateLanguage} title={now === undefined ? undefined : exact(at)}>
      {now === undefined ? exact(at) : ago(at, now)}
    </time>
  );
}
