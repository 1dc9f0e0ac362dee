import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// Packed once here rather than by the gateway for each visitor.
function packed(): Plugin {
  let folder = "";
  return {
    name: "packed",
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
  plugins: [react(), packed()],
  // The gateway puts a fresh nonce in this place for each visitor: see src/nginx.
  html: { cspNonce: "CSP_NONCE_PLACE" },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1200 },
  server: {
    proxy: Object.fromEntries(
      ["/login", "/register", "/upload", "/files", "/jobs", "/download"].map((path) => [
        path,
        process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8080",
      ]),
    ),
  },
});
