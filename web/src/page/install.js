/** Keeps the page on the device; see service_worker.js. */

/**
 * Takes over a later build that was fetched during an earlier visit. Called before the user can start.
 *
 * @param {() => boolean} isIdle Whether nothing would be lost by reloading the page.
 */
export async function update(isIdle) {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (!registration) return;
  navigator.serviceWorker.addEventListener("controllerchange", () => isIdle() && location.reload());
  offer(registration, isIdle);
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => offer(registration, isIdle));
  });
}

function offer({ active, waiting }, isIdle) {
  if (active && waiting && isIdle()) waiting.postMessage("take over");
}

/** @param {string} runtime The LiteRT files that this device loads; others are not cached. */
export async function install(runtime) {
  if (!navigator.serviceWorker || !runtime) return;
  try {
    await navigator.serviceWorker.register(`sw.js?runtime=${runtime}`, { updateViaCache: "none" });
  } catch (error) {
    console.info("The page is not available offline:", error);
  }
}
