// What is in progress: uploads of this page, and conversions of its user.
import { running } from "../api/running";
import { Store } from "../store";
import { percentOf, totalOf } from "../uploads/labels";
import { uploads } from "../uploads/queue";

export interface Activity {
  uploading: number;
  /** Of all uploads together. */
  percent: number;
  converting: number;
}

export const activity = new Store<Activity>(current());

export const isBusy = ({ uploading, converting }: Activity): boolean => uploading + converting > 0;

/** For the title of the document; empty if nothing is in progress. */
export function activityText({ uploading, percent, converting }: Activity): string {
  if (uploading) return `${percent} %`;
  return converting ? `${converting} converting` : "";
}

function current(): Activity {
  const total = totalOf(uploads.get());
  return { uploading: total.active, percent: percentOf(total), converting: running.get().size };
}

function update(): void {
  const [before, after] = [activity.get(), current()];
  const same = (Object.keys(after) as (keyof Activity)[]).every((name) => before[name] === after[name]);
  if (!same) activity.set(after);
}

uploads.subscribe(update);
running.subscribe(update);
