/** Bundles the page into a folder: `node build.mjs FOLDER`. */

import { cp, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = process.argv[2];
const litert = here("node_modules/@litertjs/core/wasm/");
// With threads, without them (for hosts that do not isolate the page), and for browsers without relaxed SIMD.
const runtimes = ["litert_wasm_threaded_internal", "litert_wasm_internal", "litert_wasm_compat_internal"];
const common = { bundle: true, minify: true, target: "es2022", legalComments: "linked", logLevel: "warning" };

await mkdir(`${folder}/wasm`, { recursive: true });
await build({ ...common, entryPoints: [here("src/page/main.js"), here("src/page/style.css")], format: "esm", outdir: folder });
// LiteRT loads its parts with importScripts, which only classic workers have.
await build({ ...common, entryPoints: [here("src/worker/index.js")], format: "iife", outfile: `${folder}/worker.js` });
for (const name of ["index.html", "icon.svg", "manifest.webmanifest", "_headers", "icons", "samples"]) {
  await cp(here(`src/page/${name}`), `${folder}/${name}`, { recursive: true });
}
for (const runtime of runtimes) {
  for (const suffix of [".js", ".wasm"]) await cp(litert + runtime + suffix, `${folder}/wasm/${runtime}${suffix}`);
}
