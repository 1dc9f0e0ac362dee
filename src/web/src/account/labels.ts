// Texts about accounts.

/** How long files are stored; empty while that is unknown. */
export function retention(days: number | null | undefined): string {
  if (days === undefined) return "";
  if (days === null) return "They are stored until you delete them.";
  return `They are deleted ${days === 1 ? "one day" : `${days} days`} after the conversion, or earlier if you delete them.`;
}
