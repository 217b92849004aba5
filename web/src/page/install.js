/** Keeps the page on the device; see service_worker.js. */

/**
 * Takes over a later build that was fetched during an earlier visit. Called before anybody can be at work.
 *
 * @param {() => boolean} isIdle Whether nothing would be lost if the page were loaded again.
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

/** @param {string} runtime Which of LiteRT's files this device loads; the others are not kept. */
export async function install(runtime) {
  if (!navigator.serviceWorker || !runtime) return;
  try {
    await navigator.serviceWorker.register(`sw.js?runtime=${runtime}`, { updateViaCache: "none" });
  } catch (error) {
    console.info("The page is not kept on the device:", error);
  }
}
