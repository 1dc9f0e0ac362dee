// The title of the document: what is in progress, and the page, which screen readers announce when it changes.
import { useEffect } from "react";
import { activity, activityText } from "./activity/activity";
import { Store } from "./store";

const page = new Store("");

export function useTitle(title: string): void {
  useEffect(() => page.set(title), [title]);
}

function show(): void {
  document.title = [activityText(activity.get()), page.get(), "Video2MP3"].filter((part) => part !== "").join(" · ");
}

page.subscribe(show);
activity.subscribe(show);
