/** Before the page is closed, reloaded or put aside: what is not kept yet is kept, and the browser asks if that takes a while. */

/**
 * @param {import("./keeping.js").Keeping} keeping
 * @param {import("./darkroom.js").Darkroom} darkroom
 */
export function listen(keeping, darkroom) {
  addEventListener("beforeunload", (event) => {
    keeping.flush();
    if (darkroom.isOpening || keeping.isBehind) event.preventDefault(); // the browser asks
  });
  document.addEventListener("visibilitychange", () => keeping.flush()); // a phone may end the page then
}
