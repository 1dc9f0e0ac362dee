// What the server says about itself to everybody. It does not change while the page is open.
import { askJson } from "./http";
import type { Info } from "./schema";

export const infoQuery = {
  queryKey: ["info"],
  queryFn: () => askJson<Info>("/info"),
  staleTime: Number.POSITIVE_INFINITY,
};
