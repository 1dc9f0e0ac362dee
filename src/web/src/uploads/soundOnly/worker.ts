// The worker: finds the sound of a video, and reads it for the upload. Here files can be read synchronously.
import { extract, type Found } from "./extract";
import type { Answer, Request } from "./messages";
import type { Read } from "./source";

// Only workers have it; TypeScript describes either a page or a worker.
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

let read: Read;
let found: Found;

self.onmessage = ({ data }: MessageEvent<Request>) => {
  try {
    if ("file" in data) {
      const reader = new FileReaderSync();
      read = (at, length) => new Uint8Array(reader.readAsArrayBuffer(data.file.slice(at, at + length)));
      found = extract(read, data.file.size);
      const { start, duration } = found;
      answer({ length: found.plan.length, start: start / 1e6, duration });
    } else {
      const bytes = found.plan.read(read, data.at, data.length);
      answer({ bytes }, [bytes.buffer]);
    }
  } catch (error) {
    answer({ error: String(error) });
  }
};

function answer(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
