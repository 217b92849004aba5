/**
 * Caches the page on the device, so that it works offline. The build prepends `BUILD`: a version and the hash of each file. All files of a build are cached, or none; a newer build is cached beside it and replaces it when no page of the old one is open.
 */

/* global BUILD */

const worker = /** @type {any} */ (self);
const OURS = `tf-colorize-page ${worker.registration.scope} `;
const runtime = new URL(self.location.href).searchParams.get("runtime"); // the runtime that this device loads
const CACHE = `${OURS}${BUILD.version} ${runtime}`;
const HASHES = new Map(
  Object.entries(BUILD.files).filter(([path]) => !path.startsWith("wasm/") || path.startsWith(`wasm/${runtime}.`)),
);

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOthers()));
worker.addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (HASHES.has(path)) event.respondWith(kept(path));
});
worker.addEventListener("message", async ({ data }) => {
  if (data !== "take over") return;
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.length === 1) worker.skipWaiting(); // the others still work with the old build
});

async function install() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all([...HASHES.keys()].map(async (path) => cache.put(path, await received(path))));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/**
 * Fetches a file of this build; a file of another build would have another hash. Hosts that compare dates may say that a changed file
 * is the cached one, and would say so for ever: then the file is fetched past the cache.
 */
async function received(path) {
  const integrity = HASHES.get(path);
  const response = await fetch(path, { integrity, cache: "no-cache" }).catch(() => fetch(path, { integrity, cache: "reload" }));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

async function kept(path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? received(path);
}

async function removeOthers() {
  const names = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}

/** Path of a request relative to the page, or null. */
function pathOf({ method, url }) {
  const { scope } = worker.registration;
  if (method !== "GET" || !url.startsWith(scope)) return null;
  const path = decodeURI(url.slice(scope.length).replace(/[?#].*$/, ""));
  return path === "" || path === "index.html" ? "./" : path;
}
