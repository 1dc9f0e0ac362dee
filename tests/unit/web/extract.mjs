// Runs the page's extractor on files: node extract.mjs FOLDER_OF_THE_PAGE FILE... Prints a JSON object for each file, and
// its highest memory (kB) to standard error.
// Without files: the bytes of the worker, minified and compressed.
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const [web, ...files] = process.argv.slice(2);
const { rolldown } = await import(pathToFileURL(join(web, "node_modules/rolldown/dist/index.mjs")).href);
const entry = files.length ? "extract.ts" : "worker.ts";
const bundle = await rolldown({ input: join(web, "src/uploads/soundOnly", entry) });
const { output } = await bundle.generate({ format: "esm", minify: !files.length });
if (!files.length) {
  console.log(gzipSync(output[0].code, { level: 9 }).length);
  process.exit();
}
const { extract } = await import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);

for (const file of files) console.log(JSON.stringify(extracted(file)));
console.error(process.resourceUsage().maxRSS);

function extracted(file) {
  const descriptor = openSync(file);
  const read = (at, length) => {
    const data = Buffer.alloc(length);
    return new Uint8Array(data.subarray(0, readSync(descriptor, data, 0, length, at)));
  };
  try {
    const { plan, start, duration } = extract(read, fstatSync(descriptor).size);
    const digest = createHash("sha256");
    for (let at = 0; at < plan.length; at += 100_000) digest.update(plan.read(read, at, 100_000));
    return { digest: digest.digest("hex"), length: plan.length, segments: plan.count, start: start / 1e6, duration };
  } catch (error) {
    return { error: error.constructor.name === "Unsure" ? error.message : String(error.stack) };
  } finally {
    closeSync(descriptor);
  }
}
