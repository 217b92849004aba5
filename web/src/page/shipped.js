/** The list of models that come with the page. The last one that worked is kept for starts without a network. */

const ADDRESS = "models/models.json";
const CACHE = "tf-colorize-models"; // where the models are, too

/** @returns {Promise<{name: string, file: string, version: string, bytes: number}[]>} */
export async function list() {
  const response = await fetch(ADDRESS).catch(() => null);
  if (response) return response.ok ? response.json() : [];
  const kept = await (await cache())?.match(ADDRESS);
  if (!kept) throw new Error("The list of models cannot be downloaded (no connection).");
  return kept.json();
}

/** Keeps a list whose first model has been loaded. */
export async function keep(models) {
  await (await cache())?.put(ADDRESS, new Response(JSON.stringify(models))).catch(() => undefined); // the disk is full
}

function cache() {
  return self.caches?.open(CACHE).catch(() => undefined);
}
