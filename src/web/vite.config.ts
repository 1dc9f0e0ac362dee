import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { type Plugin } from "vite";

// nginx serves these files to clients that accept gzip (gzip_static in src/nginx).
function compress(): Plugin {
  let folder = "";
  return {
    name: "compress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir, config.build.assetsDir);
    },
    closeBundle() {
      for (const name of readdirSync(folder).filter((file) => /\.(js|css|svg)$/.test(file))) {
        const path = join(folder, name);
        if (statSync(path).size > 1024) writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), compress()],
  // nginx replaces it with a new nonce in each response (sub_filter in src/nginx).
  html: { cspNonce: "CSP_NONCE_PLACE" },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1200 },
  server: {
    proxy: Object.fromEntries(
      ["/login", "/register", "/files", "/jobs", "/download", "/summaries", "/transcripts", "/account", "/admin", "/password-reset", "/info", "/healthz"].map((path) => [
        path,
        process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8080",
      ]),
    ),
  },
  test: { setupFiles: "tests/setup.ts", include: ["tests/**/*.test.ts"] },
});
