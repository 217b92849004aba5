/** The ways to add files: choose, take, drop, paste. */

/**
 * @param {(files: File[]) => void} receive
 * @param {(files: File[]) => void} borrow Receives files that are dropped on "Colors from…".
 */
export function listen(receive, borrow) {
  const chosen = document.getElementById("file-input");
  const taken = document.getElementById("camera-input");
  const hints = document.getElementById("hints-input");
  for (const input of [chosen, taken, hints]) {
    input.addEventListener("change", () => {
      receive([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
  }
  for (const button of document.querySelectorAll("[data-choose]")) button.addEventListener("click", () => chosen.click());
  document.getElementById("open-hints").addEventListener("click", () => hints.click());
  const take = document.querySelector("[data-take]");
  take.hidden = !matchMedia("(pointer: coarse)").matches; // elsewhere it would open the same file chooser
  take.addEventListener("click", () => taken.click());
  document.addEventListener("paste", ({ clipboardData }) => receive([...clipboardData.files]));
  listenForDrops(receive, borrow);
}

function listenForDrops(receive, borrow) {
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  let depth = 0; // dragenter and dragleave come from every element along the way
  const mark = (change) => {
    depth = change === 0 ? 0 : depth + change;
    document.body.classList.toggle("dragging", depth > 0);
  };
  document.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  document.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // otherwise the browser would leave the page and open the file
    mark(0);
    const isLender = event.target instanceof Element && event.target.closest("#lender") !== null;
    (isLender ? borrow : receive)([...event.dataTransfer.files]);
  });
}
