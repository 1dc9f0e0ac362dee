// Whether the user wants to send whole videos, although their sound is enough. The browser keeps the choice.
import { Store } from "../store";

const KEY = "video2mp3.whole-videos";

export const wholeVideos = new Store<boolean>(localStorage.getItem(KEY) === "true");

export function sendWholeVideos(whole: boolean): void {
  wholeVideos.set(whole);
  if (whole) localStorage.setItem(KEY, "true");
  else localStorage.removeItem(KEY);
}
