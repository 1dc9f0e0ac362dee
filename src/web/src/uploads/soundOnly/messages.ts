// What the page and its worker send each other. Each request gets one answer, in order.
export type Request = { file: File } | { at: number; length: number };

export type Answer =
  | { length: number; start: number; duration: number | null }
  | { bytes: Uint8Array<ArrayBuffer> }
  | { error: string };
